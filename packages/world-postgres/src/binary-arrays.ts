/**
 * Arrays as parameters, in the binary format of the server (`array_recv`): one element for each item.
 *
 * `pg` writes an array as a text in which every element is quoted, and the server takes it apart again. This costs more
 * than all else that a batch costs here, and twice the bytes for a payload. A `Buffer` it passes on as binary.
 *
 * An array of nothing but nulls is null itself: an element of that is null too.
 */

/** The types of the elements, by the numbers that the server knows them by. */
const oid = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, float8: 701 } as const;

const headerBytes = 20;
const lengthBytes = 4;
/** No character of a string takes more in UTF-8. */
const bytesPerCharacter = 3;

/** An array is put together here, and copied once its length is known. */
let draft = Buffer.allocUnsafe(64 * 1024);
/** A larger draft is not kept. */
const draftKeptMax = 1024 * 1024;

/** Writes one value behind a position that has room for it, and answers how many bytes it took. */
type WriteElement<V> = (value: V, at: number) => number;

export const booleans = <T>(items: readonly T[], select: (item: T) => boolean | null): Buffer | null =>
  array(items, select, oid.bool, oneByte, writeBoolean);

export const integers = <T>(items: readonly T[], select: (item: T) => number | null): Buffer | null =>
  array(items, select, oid.int4, fourBytes, writeInteger);

/** Whole numbers of at most 2^53. */
export const bigIntegers = <T>(items: readonly T[], select: (item: T) => number | null): Buffer | null =>
  array(items, select, oid.int8, eightBytes, writeBigInteger);

export const doubles = <T>(items: readonly T[], select: (item: T) => number | null): Buffer | null =>
  array(items, select, oid.float8, eightBytes, writeDouble);

export const texts = <T>(items: readonly T[], select: (item: T) => string | null): Buffer | null =>
  array(items, select, oid.text, textBytesMax, writeText);

export const byteStrings = <T>(items: readonly T[], select: (item: T) => Uint8Array | null): Buffer | null =>
  array(items, select, oid.bytea, bytesOf, writeBytes);

const oneByte = () => 1;
const fourBytes = () => 4;
const eightBytes = () => 8;
const textBytesMax = (text: string) => text.length * bytesPerCharacter;
const bytesOf = (bytes: Uint8Array) => bytes.byteLength;

const writeBoolean: WriteElement<boolean> = (value, at) => draft.writeUInt8(value ? 1 : 0, at) - at;
const writeInteger: WriteElement<number> = (value, at) => draft.writeInt32BE(value, at) - at;
const writeDouble: WriteElement<number> = (value, at) => draft.writeDoubleBE(value, at) - at;
const writeText: WriteElement<string> = (text, at) => draft.write(text, at);

const writeBigInteger: WriteElement<number> = (value, at) => {
  draft.writeInt32BE(Math.floor(value / 2 ** 32), at);
  return draft.writeUInt32BE(value >>> 0, at + 4) - at;
};

const writeBytes: WriteElement<Uint8Array> = (bytes, at) => {
  draft.set(bytes, at);
  return bytes.byteLength;
};

function array<T, V>(
  items: readonly T[],
  select: (item: T) => V | null,
  elementType: number,
  bytesMax: (value: V) => number,
  write: WriteElement<V>,
): Buffer | null {
  let isNull = true;
  let end = headerBytes;
  // By index: an iterator would make an object for each of many thousand elements a second.
  for (let index = 0; index < items.length; index += 1) {
    const value = select(items[index] as T);
    reserve(end, lengthBytes + (value === null ? 0 : bytesMax(value)));
    const start = end + lengthBytes;
    const length = value === null ? -1 : write(value, start);
    draft.writeInt32BE(length, end);
    end = start + Math.max(length, 0);
    isNull &&= value === null;
  }
  const whole = isNull ? null : finish(elementType, items.length, end);
  if (draft.length > draftKeptMax) draft = Buffer.allocUnsafe(draftKeptMax);
  return whole;
}

/** Room for so many bytes behind a position. */
function reserve(end: number, bytes: number): void {
  if (end + bytes <= draft.length) return;
  const larger = Buffer.allocUnsafe(Math.max(end + bytes, draft.length * 2));
  draft.copy(larger, 0, 0, end);
  draft = larger;
}

/** One dimension, that may hold nulls, counted from 1. */
function finish(elementType: number, count: number, end: number): Buffer {
  draft.writeInt32BE(1, 0);
  draft.writeInt32BE(1, 4);
  draft.writeInt32BE(elementType, 8);
  draft.writeInt32BE(count, 12);
  draft.writeInt32BE(1, 16);
  return Buffer.from(draft.subarray(0, end));
}
