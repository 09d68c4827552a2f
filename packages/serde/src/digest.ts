import { Buffer } from "node:buffer";
import { hash } from "node:crypto";

/**
 * Digests of inputs: a replay compares the digest of what the code asks for with the recorded one.
 *
 * The digest is taken of the encoded plaintext, which is canonical: equal content, insertion order (of properties, Map
 * and Set) and sharing give equal text. Integer-like property names come first, in ascending order, as the language
 * orders them. Stacks of errors differ with the path of the call, so give a text that was encoded with `stacks: false`.
 */

// Names how the digest is made, so that another way can be told apart from another input.
const digestVersion = "1";
const digestLength = 32;
const numberLength = 4;

/** Version, colon, and the first 128 bits of the SHA-256 of text and blobs as 32 hexadecimal digits. */
export function inputDigest(text: string, blobs: readonly Uint8Array[]): string {
  const full = hash("sha256", blobs.length === 0 ? text : joined(text, blobs), "hex");
  return `${digestVersion}:${full.slice(0, digestLength)}`;
}

// The NUL cannot occur in the text, where it is escaped, so no text is equal to a text followed by blobs.
function joined(text: string, blobs: readonly Uint8Array[]): Buffer {
  const pieces: Uint8Array[] = [Buffer.from(`${text}\0`)];
  for (const blob of blobs) {
    const length = Buffer.allocUnsafe(numberLength);
    length.writeUInt32BE(blob.byteLength);
    pieces.push(length, blob);
  }
  return Buffer.concat(pieces);
}
