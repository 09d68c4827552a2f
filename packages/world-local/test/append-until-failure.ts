/**
 * Appends to run 0 of a store until that fails, and once more; prints how it went.
 *
 * Arguments: file, bytes of a payload.
 */
import { StoreError } from "@perdure/errors";
import { createLocalWorld } from "@perdure/world-local";
import { id, payloadFor } from "./request-values.ts";

const [file = "", bytes = "0"] = process.argv.slice(2);
const world = await createLocalWorld({ path: file });
let acknowledged = 0;

async function append(): Promise<{ readonly code: string; readonly outcome: string } | null> {
  try {
    await world.log.append(id("wrun", 0), payloadFor(0, `payload-${acknowledged}`, new Uint8Array(Number(bytes))));
    acknowledged += 1;
    return null;
  } catch (error) {
    if (!StoreError.is(error)) throw error;
    return { code: error.code, outcome: error.outcome };
  }
}

let first = await append();
while (first === null) first = await append();
const second = await append();
process.stdout.write(`${JSON.stringify({ acknowledged, first, second })}\n`);
