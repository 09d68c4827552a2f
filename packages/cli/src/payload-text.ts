/** Payloads as text, for people who asked for them. */
import { inspect } from "node:util";
import { PerdureError } from "@perdure/errors";
import { hydrate } from "@perdure/serde";

/** The decoded payload on one line, or why it cannot be read; null when there is none. */
export function payloadText(payload: Uint8Array | null): string | null {
  if (payload === null) return null;
  try {
    return inspect(hydrate(payload), { depth: 8, breakLength: Number.POSITIVE_INFINITY, compact: true });
  } catch (error) {
    if (!PerdureError.is(error)) throw error;
    return `(cannot be read: ${error.message.split("\n", 1)[0] ?? ""})`;
  }
}
