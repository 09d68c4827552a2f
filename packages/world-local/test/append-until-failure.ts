/** Appends to run 0 of the store in the first argument until that fails, and once more; prints how it went. */
import { StoreError } from "@perdure/errors";
import { createLocalWorld } from "@perdure/world-local";
import { id, payloadFor } from "./request-values.ts";

const world = await createLocalWorld({ path: process.argv[2] ?? "" });
let acknowledged = 0;

async function append(): Promise<{ readonly code: string; readonly outcome: string } | null> {
  try {
    await world.log.append(id("wrun", 0), payloadFor(0, `payload-${acknowledged}`, new Uint8Array(2_000)));
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
