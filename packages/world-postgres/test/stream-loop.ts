/**
 * Writes batches of chunks to the stream of a run and prints each acknowledgement, then closes it: one of several processes.
 *
 * Arguments: URL, number of the run, key of the writer, batches, chunks per batch. The chunks count up from 0.
 */
import { createPostgresWorld } from "@perdure/world-postgres";
import { id, outsider, streamBatch } from "./request-values.ts";

const [url = "", run = "0", key = "", batches = "0", size = "1"] = process.argv.slice(2);
const world = await createPostgresWorld({ url });
for (let n = 1; n <= Number(batches); n += 1) {
  const chunks = Array.from({ length: Number(size) }, (_, index) => String((n - 1) * Number(size) + index));
  const result = await world.streams.append(id("wrun", Number(run)), streamBatch(outsider(key), n, chunks));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
const end = streamBatch(outsider(key), Number(batches) + 1, [], { close: { error: null } });
await world.streams.append(id("wrun", Number(run)), end);
await world.close();
