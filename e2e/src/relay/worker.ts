/** A worker that starts what it is told to start. Its argument: the settings of the worker, as JSON. */
import { postgresWorld } from "@perdure/world-postgres";
import { start, startWorker, type WorkerOptions } from "perdure/api";
import { configure, localWorld } from "perdure/config";
import { databaseUrl, folder, storePath } from "./gates.ts";
import { Journal } from "./journal.ts";
import { fleet, relay, standstill } from "./workflows.ts";

/** A relay of so many legs, or of two of which the second one blocks the event loop; or so many legs in the background. */
export type Order = number | "block" | { readonly fleet: number };

const settings = JSON.parse(process.argv[2] ?? "{}") as WorkerOptions;
const url = databaseUrl();
const world = url === null ? localWorld({ path: storePath(folder()) }) : postgresWorld({ url });
configure({ world, worker: settings });
await startWorker();

function begin(order: Order): Promise<{ readonly runId: string }> {
  if (order === "block") return start(standstill);
  return typeof order === "number" ? start(relay, [order]) : start(fleet, [order.fleet]);
}

const journal = new Journal(folder());
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => journal.write({ kind: "signal", name }));
process.on("message", async (order: Order) => {
  process.send?.((await begin(order)).runId);
});
// The channel to the test must not keep the process alive; the worker does.
process.channel?.unref();
process.send?.("working");
