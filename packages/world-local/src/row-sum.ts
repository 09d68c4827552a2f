/**
 * The checksum of a row, in the file beside what it covers: SQLite checks the structure of a page and not its content.
 *
 * CRC-32 finds every flipped bit and every burst of up to 32. It is no protection against an attacker.
 */
import { crc32 } from "node:zlib";

type Part = string | number | null;

/**
 * Numbers, and what is to be known of texts beside their letters, as doubles: twice as fast as to write numbers down.
 * A double holds every integer that a row holds.
 */
const partsMax = 64;
const doubles = new DataView(new ArrayBuffer(partsMax * 8));
const firstDoubles = Array.from({ length: partsMax + 1 }, (_, count) => new Uint8Array(doubles.buffer, 0, count * 8));

/** The checksum of some columns, in this order, as a signed integer of 32 bits. */
export function sumOf(parts: readonly Part[]): number {
  let letters = "";
  let end = 0;
  for (const part of parts) {
    // No number of a row has a fraction or is infinite, so neither a text nor a missing part passes for one.
    if (typeof part === "string") {
      const text = readable(part);
      letters += text;
      doubles.setFloat64(end, text.length + 0.5, true);
    } else if (part === null) {
      doubles.setFloat64(end, Number.POSITIVE_INFINITY, true);
    } else {
      // A damaged row may hold bytes here, which must not pass for the number that JavaScript makes of them.
      doubles.setFloat64(end, typeof part === "number" ? part : Number.NaN, true);
    }
    end += 8;
  }
  return crc32(letters, crc32(firstDoubles[parts.length] ?? new Uint8Array())) | 0;
}

/** The checksum of bytes; null for none. */
export function sumOfBytes(bytes: Uint8Array | null): number | null {
  return bytes === null ? null : crc32(bytes) | 0;
}

/** True when bytes as they were read have this checksum. A damaged row may hold something else than bytes. */
export function bytesMatch(bytes: unknown, sum: number | null): boolean {
  if (bytes === null) return sum === null;
  return bytes instanceof Uint8Array && sumOfBytes(bytes) === sum;
}

/** Up to a NUL, which is where Node 22.15 ends a text that it reads. */
function readable(text: string): string {
  const end = text.indexOf("\0");
  return end === -1 ? text : text.slice(0, end);
}
