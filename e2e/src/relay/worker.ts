/** A worker that starts the relays that it is told to start. Its argument: the settings of the worker, as JSON. */
import { start, startWorker, type WorkerOptions } from "perdure/api";
import { configure, localWorld } from "perdure/config";
import { folder, storePath } from "./gates.ts";
import { Journal } from "./journal.ts";
import { relay } from "./workflows.ts";

const settings = JSON.parse(process.argv[2] ?? "{}") as WorkerOptions;
configure({ world: localWorld({ path: storePath(folder()) }), worker: settings });
await startWorker();

const journal = new Journal(folder());
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => journal.write({ kind: "signal", name }));
process.on("message", async (length: number) => {
  process.send?.((await start(relay, [length])).runId);
});
// The channel to the test must not keep the process alive; the worker does.
process.channel?.unref();
process.send?.("working");
