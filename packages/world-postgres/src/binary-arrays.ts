/**
 * Arrays as parameters, in the binary format of the server (`array_recv`).
 *
 * `pg` writes an array as a text in which every element is quoted, and the server takes it apart again. This costs more
 * than all else that a batch costs here, and twice the bytes for a payload. A `Buffer` it passes on as binary.
 *
 * An array of nothing but nulls is null itself: an element of that is null too.
 */

/** The types of the elements, by the numbers that the server knows them by. */
const oid = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, float8: 701 } as const;

const headerBytes = 20;
const int4Max = 2 ** 31 - 1;

type Column<T> = readonly (T | null)[];

export const booleans = (values: Column<boolean>): Buffer | null =>
  fixedSize(values, oid.bool, 1, (buffer, value, at) => buffer.writeUInt8(value ? 1 : 0, at));

export const integers = (values: Column<number>): Buffer | null =>
  fixedSize(values, oid.int4, 4, (buffer, value, at) => buffer.writeInt32BE(Math.min(value, int4Max), at));

/** Whole numbers of at most 2^53. */
export const bigIntegers = (values: Column<number>): Buffer | null =>
  fixedSize(values, oid.int8, 8, (buffer, value, at) => {
    buffer.writeInt32BE(Math.floor(value / 2 ** 32), at);
    buffer.writeUInt32BE(value >>> 0, at + 4);
  });

export const doubles = (values: Column<number>): Buffer | null =>
  fixedSize(values, oid.float8, 8, (buffer, value, at) => buffer.writeDoubleBE(value, at));

export function texts(values: Column<string>): Buffer | null {
  let size = 0;
  for (const value of values) size += value === null ? 0 : Buffer.byteLength(value);
  return array(values, oid.text, size, (buffer, value, at) => buffer.write(value, at));
}

export function byteStrings(values: Column<Uint8Array>): Buffer | null {
  let size = 0;
  for (const value of values) size += value === null ? 0 : value.byteLength;
  return array(values, oid.bytea, size, (buffer, value, at) => {
    buffer.set(value, at);
    return value.byteLength;
  });
}

function fixedSize<T>(
  values: Column<T>,
  elementType: number,
  bytes: number,
  write: (buffer: Buffer, value: T, at: number) => void,
): Buffer | null {
  return array(values, elementType, values.length * bytes, (buffer, value, at) => {
    write(buffer, value, at);
    return bytes;
  });
}

/** `write` answers how many bytes it has written; `size` is at least their sum. */
function array<T>(
  values: Column<T>,
  elementType: number,
  size: number,
  write: (buffer: Buffer, value: T, at: number) => number,
): Buffer | null {
  const buffer = Buffer.allocUnsafe(headerBytes + values.length * 4 + size);
  let isNull = true;
  let end = headerBytes;
  for (const value of values) {
    const start = end + 4;
    if (value === null) {
      buffer.writeInt32BE(-1, end);
      end = start;
      continue;
    }
    isNull = false;
    const length = write(buffer, value, start);
    buffer.writeInt32BE(length, end);
    end = start + length;
  }
  if (isNull) return null;
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(elementType, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  return buffer.subarray(0, end);
}
