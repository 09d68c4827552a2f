/** Values to text and back with the constructors of this realm. */
import { decode, type EncodeOptions, encode } from "@perdure/serde/guest";
import type { EncodedParts } from "./orchestrator-context.ts";

/** The encoded value, and its text without error stacks when it has any. Throws `SerializationError`. */
export function encodeValue(value: unknown, what: string, options: EncodeOptions = {}): EncodedParts {
  const { text, blobs, hasStack } = encode(value, { ...options, what });
  const canonicalText = hasStack ? encode(value, { ...options, what, stacks: false }).text : null;
  // The blobs are views on the program's own memory, which it may change before the host copies them.
  return { text, canonicalText, blobs: blobs.length === 0 ? blobs : blobs.map((blob) => new Uint8Array(blob)) };
}

let staged: Uint8Array[] = [];

/** An array for the host to fill; the next `decodeStaged` takes it. */
export function stage(size: number): Uint8Array {
  const blob = new Uint8Array(size);
  staged.push(blob);
  return blob;
}

/** The value of this text and of the blobs that were staged for it. Throws `UndecodableError`. */
export function decodeStaged(text: string): unknown {
  const blobs = staged;
  staged = [];
  return decode(text, blobs, { takeBlobs: true });
}
