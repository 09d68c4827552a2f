/** A worker that starts what it is told to start. Its argument: the settings of the worker, as JSON. */
import { postgresWorld } from "@perdure/world-postgres";
import { start, startWorker, type WorkerOptions } from "perdure/api";
import { configure, localWorld } from "perdure/config";
import { databaseUrl, folder, storePath } from "./gates.ts";
import { Journal } from "./journal.ts";
import { relay, standstill } from "./workflows.ts";

/** A relay of so many legs, or of two of which the second one blocks the event loop. */
export type Order = number | "block";

const settings = JSON.parse(process.argv[2] ?? "{}") as WorkerOptions;
const url = databaseUrl();
const world = url === null ? localWorld({ path: storePath(folder()) }) : postgresWorld({ url });
configure({ world, worker: settings });
await startWorker();

const journal = new Journal(folder());
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => journal.write({ kind: "signal", name }));
process.on("message", async (order: Order) => {
  const run = await (order === "block" ? start(standstill) : start(relay, [order]));
  process.send?.(run.runId);
});
// The channel to the test must not keep the process alive; the worker does.
process.channel?.unref();
process.send?.("working");
