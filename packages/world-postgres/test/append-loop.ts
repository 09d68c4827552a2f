/**
 * Sends payloads to the hooks of many runs of a store and prints each acknowledgement: one of several such processes.
 *
 * Arguments: URL, name of this process, number of runs, payloads per run.
 */
import { createPostgresWorld } from "@perdure/world-postgres";
import { id, payloadFor } from "./request-values.ts";

const [url = "", name = "", runs = "0", rounds = "0"] = process.argv.slice(2);
const world = await createPostgresWorld({ url });
for (let round = 0; round < Number(rounds); round += 1) {
  await Promise.all(
    Array.from({ length: Number(runs) }, async (_, n) => {
      const key = `${name}-${round}`;
      const result = await world.log.append(id("wrun", n), payloadFor(n, key));
      const position = result.kind === "appended" ? result.events[0]?.position : null;
      process.stdout.write(`${JSON.stringify([n, key, position])}\n`);
    }),
  );
}
await world.close();
