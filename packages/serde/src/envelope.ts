import { Buffer } from "node:buffer";
import { UndecodableError } from "@perdure/errors";

/**
 * The header of every stored payload: what the bytes after it are. It is never compressed or encrypted, so that a reader
 * can say by name what it lacks.
 *
 * Layout: tag (1 byte), version (1), algorithm (1), length of the key id in bytes (1), key id (UTF-8).
 */

/** First byte of every payload. Not ASCII and no start of a UTF-8 character, so that no text passes for a payload. */
const envelopeTag = 0xbd;
/** The layout that this version writes, and the only one that it reads. */
const envelopeVersion = 1;

// Reserved numbers are part of the format from the start: a reader that cannot undo one says which one it is.
const algorithmNames: readonly string[] = ["plain", "gzip", "zstd", "aes-256-gcm"];
const plain = 0;
const fixedLength = 4;

/** Bytes of the header of a plain payload. */
export const plainHeaderLength = fixedLength;

/** Writes the header of a plain payload at the start of the bytes. */
export function writePlainHeader(bytes: Uint8Array): void {
  bytes[0] = envelopeTag;
  bytes[1] = envelopeVersion;
  bytes[2] = plain;
  bytes[3] = 0;
}

/** Checks the header of a plain payload and gives the offset of what follows it. */
export function readPlainHeader(bytes: Uint8Array): number {
  const [tag, version, algorithm, keyIdLength] = bytes;
  if (tag === envelopeTag && version === envelopeVersion && algorithm === plain && keyIdLength === 0) {
    return fixedLength;
  }
  throw unreadableHeader(bytes);
}

function unreadableHeader(bytes: Uint8Array): UndecodableError {
  const [tag, version, algorithm, keyIdLength] = bytes;
  if (algorithm === undefined || keyIdLength === undefined) {
    return new UndecodableError(`A payload of ${bytes.length} bytes is cut off: its header has ${fixedLength}.`);
  }
  if (tag !== envelopeTag) {
    return new UndecodableError(`These bytes are no payload: they start with ${hex(tag)}, not ${hex(envelopeTag)}.`);
  }
  if (version !== envelopeVersion) {
    return new UndecodableError(`The payload has format version ${version}; this process reads ${envelopeVersion}.`, {
      hint: "A newer version of Perdure wrote it: upgrade this process.",
    });
  }
  return unreadableAlgorithm(bytes, algorithm, keyIdLength);
}

function unreadableAlgorithm(bytes: Uint8Array, algorithm: number, keyIdLength: number): UndecodableError {
  const name = algorithmNames[algorithm];
  if (name === undefined) {
    return new UndecodableError(`The payload uses algorithm ${algorithm}; this process knows 0 (plain) alone.`, {
      hint: "A newer version of Perdure wrote it: upgrade this process.",
    });
  }
  if (algorithm === plain) return new UndecodableError("The payload names a key, and a plain payload has none.");
  const keyId = Buffer.from(bytes.subarray(fixedLength, fixedLength + keyIdLength)).toString();
  const key = keyIdLength === 0 ? "" : ` with key ${JSON.stringify(keyId)}`;
  return new UndecodableError(`The payload is written with ${name}${key}; this process reads plain payloads alone.`, {
    hint: "Upgrade this process to a version that supports it, and give it the key if one is named.",
  });
}

function hex(byte: number | undefined): string {
  return `0x${(byte ?? 0).toString(16).padStart(2, "0")}`;
}
