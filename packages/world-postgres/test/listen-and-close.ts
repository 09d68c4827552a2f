/** Listens to a store until its notifications are heard, and closes it. Argument: URL. */
import { createPostgresWorld } from "@perdure/world-postgres";

const [url = ""] = process.argv.slice(2);
const world = await createPostgresWorld({ url, pollMs: 60_000 });
// Hearing keeps no process alive, so something else has to.
const alive = setInterval(() => {}, 60_000);
await new Promise<void>((resolve) => world.wake?.listen(() => resolve()));
clearInterval(alive);
await world.close();
process.stdout.write("closed");
