/** Changes to bytes that know nothing of their meaning, and the checksum that makes a reader look behind it. */
import { crc32 } from "node:zlib";
import type { Chance } from "./chance.ts";

/** A copy of the bytes with 1 to 4 changes: flipped bits, cuts, insertions, repeated ranges, lengths of note. */
export function mutateBytes(bytes: Uint8Array, chance: Chance): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let count = 1 + chance.below(1 + chance.below(4)); count > 0; count--) changed = mutateOnce(changed, chance);
  return changed;
}

const notableNumbers: readonly number[] = [
  0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];

function mutateOnce(bytes: Buffer, chance: Chance): Buffer {
  if (bytes.length < 4) return Buffer.concat([bytes, Buffer.from([chance.below(256)])]);
  const at = chance.below(bytes.length);
  const length = chance.magnitude(1, Math.min(64, bytes.length));
  switch (chance.below(7)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length, chance.below(256)), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 4:
      bytes.writeUInt32BE(chance.pick(notableNumbers), Math.min(at, bytes.length - 4));
      return bytes;
    case 5:
      bytes[at] = chance.below(256);
      return bytes;
    default:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << chance.below(8));
      return bytes;
  }
}

/** The same bytes with a checksum that fits, as a writer with a defect would leave them. */
export function resealed(bytes: Buffer): Buffer {
  if (bytes.length >= 4) bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
  return bytes;
}

const textParts: readonly string[] = [
  ...[
    "[",
    "]",
    "{",
    "}",
    '"',
    ",",
    ":",
    "\\",
    "-",
    "0",
    "9",
    ".",
    "e",
    "null",
    "true",
    "-7,",
    "-0",
    "1e999",
    "\\u0000",
  ],
  ...['"__proto__":', '"constructor":', '["Map",', '["Error",', '["BigInt","', "\u2028", "\ud800", "\0", " ", "é"],
];

/** The text with up to 6 characters or words of the format put in, taken out or repeated. */
export function mutateText(text: string, chance: Chance): string {
  let changed = text;
  for (let count = 1 + chance.below(1 + chance.below(6)); count > 0; count--) {
    const at = chance.below(changed.length + 1);
    const removed = chance.below(3);
    const part = chance.oneIn(6) ? changed.slice(at, at + chance.below(20)).repeat(2) : chance.pick(textParts);
    changed = changed.slice(0, at) + part + changed.slice(at + removed);
  }
  return changed;
}
