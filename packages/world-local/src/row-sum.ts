/**
 * The checksum of a row, in the file beside what it covers: SQLite checks the structure of a page and not its content.
 *
 * CRC-32 finds every flipped bit and every burst of up to 32. It is no protection against an attacker.
 */
import { crc32 } from "node:zlib";

type Part = string | number | null;

/** The checksum of some columns, in this order, as a signed integer of 32 bits. */
export function sumOf(parts: readonly Part[]): number {
  let text = "";
  for (const part of parts) text += typeof part === "string" ? textPart(part) : `${part};`;
  return crc32(text) | 0;
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
function textPart(text: string): string {
  const end = text.indexOf("\0");
  const read = end === -1 ? text : text.slice(0, end);
  return `${read.length}:${read};`;
}
