import { Buffer, isUtf8 } from "node:buffer";
import { crc32 } from "node:zlib";
import { SerializationError, UndecodableError } from "@perdure/errors";
import { decode } from "./decode.ts";
import { type EncodedValue, encode } from "./encode.ts";
import { plainHeaderLength, readPlainHeader, writePlainHeader } from "./envelope.ts";

/**
 * Stored payloads: an encoded value as one sequence of bytes behind an envelope header.
 *
 * Body, all numbers 32-bit big-endian: length of the text in bytes, text (UTF-8), number of blobs, and for each blob its
 * length and its bytes. Behind it the CRC-32 of everything before (the polynomial of zlib and Ethernet), and nothing more:
 * a damaged value is met as damage, and not as another value (L7).
 */

/** Text and blobs, as the codec gives and takes them. */
export type PayloadParts = Pick<EncodedValue, "text" | "blobs">;

const numberLength = 4;
const checksumLength = 4;

/**
 * The payload's bytes, with the blobs copied. The text must be well-formed Unicode, as `encode` gives it. The bytes may
 * be part of a larger buffer: pass them on as they are, and never their `buffer`.
 */
export function packPayload(parts: PayloadParts): Uint8Array {
  const { text, blobs } = parts;
  const textLength = Buffer.byteLength(text);
  let length = plainHeaderLength + numberLength + textLength + numberLength + checksumLength;
  for (const blob of blobs) length += numberLength + blob.byteLength;
  if (length > maxPayloadLength) {
    throw new SerializationError("a payload", `${length} bytes (the limit is ${maxPayloadLength})`, "");
  }
  const bytes = Buffer.allocUnsafe(length);
  writePlainHeader(bytes);
  let at = bytes.writeUInt32BE(textLength, plainHeaderLength);
  // As many bytes as characters means ASCII, which is copied without being converted.
  at += textLength === text.length ? bytes.write(text, at, "latin1") : bytes.write(text, at, "utf8");
  at = bytes.writeUInt32BE(blobs.length, at);
  for (const blob of blobs) {
    at = bytes.writeUInt32BE(blob.byteLength, at);
    bytes.set(blob, at);
    at += blob.byteLength;
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(0, at)), at);
  return bytes;
}

// The text's 32 Mi characters may take three bytes each.
const maxPayloadLength = 160 * 1024 * 1024;

/**
 * Text and blobs of a payload; the blobs are views on the given bytes. Throws {@link UndecodableError} for another
 * format, an algorithm that this version cannot undo, or bytes that are cut off or go on after the end.
 */
export function unpackPayload(bytes: Uint8Array): PayloadParts {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textStart = readPlainHeader(whole) + numberLength;
  const buffer = checkedContent(whole);
  const textEnd = textStart + readLength(buffer, textStart - numberLength, "text");
  const text = readText(buffer, textStart, textEnd);
  const blobs: Uint8Array[] = [];
  let at = textEnd + numberLength;
  const blobCount = readNumber(buffer, textEnd, "number of blobs");
  for (let index = 0; index < blobCount; index++) {
    const length = readLength(buffer, at, `blob ${index + 1} of ${blobCount}`);
    blobs.push(bytes.subarray(at + numberLength, at + numberLength + length));
    at += numberLength + length;
  }
  if (at !== buffer.length) {
    throw new UndecodableError(`A payload of ${buffer.length} bytes goes on after its end at byte ${at}.`);
  }
  return { text, blobs };
}

function readNumber(buffer: Buffer, at: number, what: string): number {
  if (at + numberLength > buffer.length) throw cutOff(buffer, what);
  return buffer.readUInt32BE(at);
}

// A length is checked against the bytes that are there before anything of that size is made.
function readLength(buffer: Buffer, at: number, what: string): number {
  const length = readNumber(buffer, at, what);
  if (at + numberLength + length > buffer.length) throw cutOff(buffer, what);
  return length;
}

function cutOff(buffer: Buffer, what: string): UndecodableError {
  return new UndecodableError(`A payload of ${buffer.length} bytes is cut off in its ${what}.`);
}

function readText(buffer: Buffer, start: number, end: number): string {
  const text = buffer.toString("utf8", start, end);
  // Bytes that are not UTF-8 turn into U+FFFD instead of failing; a text may also hold a U+FFFD of its own.
  if (text.includes("\ufffd") && !isUtf8(buffer.subarray(start, end))) {
    throw new UndecodableError("A payload's text is not UTF-8.");
  }
  return text;
}

/** The bytes before the checksum, if they are those that it was made of. */
function checkedContent(whole: Buffer): Buffer {
  const end = whole.length - checksumLength;
  if (whole.length < shortestLength) {
    throw new UndecodableError(`A payload of ${whole.length} bytes is cut off: the shortest has ${shortestLength}.`);
  }
  const content = whole.subarray(0, end);
  if (crc32(content) === whole.readUInt32BE(end)) return content;
  const problem = "does not fit its checksum: bytes were changed or cut off";
  throw new UndecodableError(`A payload of ${whole.length} bytes ${problem}.`);
}

const shortestLength = plainHeaderLength + numberLength + numberLength + checksumLength;

/**
 * The payload of a value of this realm. `what` names the value in the message of a refusal, such as
 * `argument of workflow order`. Throws {@link SerializationError} for a value that cannot be stored.
 */
export function dehydrate(value: unknown, what: string): Uint8Array {
  return packPayload(encode(value, { what }));
}

/** The value of a payload, made of this realm's classes. Throws {@link UndecodableError} when it cannot be read. */
export function hydrate(bytes: Uint8Array): unknown {
  const { text, blobs } = unpackPayload(bytes);
  return decode(text, blobs);
}
