/**
 * A worker that is going to be killed. It loads everything, waits until it is told to work, and from then on starts the runs that it is
 * told to start.
 */
import { start, startWorker } from "perdure/api";
import { configure, createLocalWorld } from "perdure/config";
import { breakableWorld } from "./breakable-world.ts";
import { storePath } from "./environment.ts";
import type { FromWorker, RunOrder, ToWorker } from "./messages.ts";
import { assignment, outsider } from "./outsider.ts";
import { sizes } from "./sizes.ts";
import { branches, fanOut, inbox, nested, retries, sequence } from "./workflows.ts";

configure({
  // The worker is started below, when the controller says so.
  worker: false,
  world: async () => breakableWorld(await createLocalWorld({ path: storePath(assignment.folder) }), outsider),
});

const simple = { sequence, fanOut, nested, retries, branches };

function startOrdered({ shape, seed, key }: RunOrder) {
  if (shape === "inbox") return start(inbox, [seed, key, sizes.payloads], { key });
  return start<[number], unknown>(simple[shape], [seed], { key });
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

async function work(): Promise<void> {
  // Short, so that the next worker need not wait long for the runs of this one; an idle store is looked at as often.
  await startWorker({ leaseMs: 300, sweepMs: 50, holdMs: 100 });
  tell({ kind: "working" });
}

async function startRun(order: RunOrder): Promise<void> {
  const { runId } = await startOrdered(order);
  outsider.ledger.write({ kind: "run", key: order.key, run: runId });
  tell({ kind: "started", key: order.key, runId });
}

const handle = async (message: ToWorker): Promise<void> =>
  await (message.kind === "work" ? work() : startRun(message.order));

process.on("message", (message: ToWorker) => void handle(message));
process.on("disconnect", () => process.exit());
await outsider.faults.prepare();
tell({ kind: "loaded" });
