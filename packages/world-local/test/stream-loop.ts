/**
 * Writes batches of chunks that count up from 0 to the stream of a run, and closes it: the other one of two processes.
 *
 * Arguments: file, run id, batches, chunks per batch.
 */
import { createLocalWorld } from "@perdure/world-local";
import { streamBatch } from "./request-values.ts";

const [path = "", runId = "", batches = "0", size = "1"] = process.argv.slice(2);
const world = await createLocalWorld({ path });
for (let n = 1; n <= Number(batches); n += 1) {
  const chunks = Array.from({ length: Number(size) }, (_, index) => String((n - 1) * Number(size) + index));
  await world.streams.append(runId, streamBatch(n, chunks));
}
await world.streams.append(runId, streamBatch(Number(batches) + 1, [], { error: null }));
await world.close();
