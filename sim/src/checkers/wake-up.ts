/** Q1: whatever was lost, every live run still has something that will wake it. */
import type { RunRecord } from "@perdure/world";
import type { Report } from "../ledger/violation.ts";
import type { SimStore } from "../store/sim-store.ts";
import type { EntityBooks } from "./entity-books.ts";
import type { LogWatch } from "./log-watch.ts";

/** To be called after every step of the simulator. A run may be put off by `slackMs`, as a worker does that cannot get its bundle. */
export function judgeWakeUps(store: SimStore, watch: LogWatch, slackMs: number, report: Report): void {
  for (const [runId, { run }] of store.space.runs) {
    const books = watch.booksOf(runId);
    if (books === undefined || books.status === "ended") continue;
    const missing = missingWakeUp(run, books, store.latest + slackMs);
    if (missing !== null) report("Q1", runId, missing);
  }
}

/** A claimed run is woken by its worker or by the end of its lease; a parked one by people. */
function missingWakeUp(run: RunRecord, books: EntityBooks, soon: number): string | null {
  if (run.owner !== null || run.parked !== null) return null;
  if (books.status === "pending" && run.wakeAt === null) return "a run that has not started is not scheduled";
  const due = books.nextDue;
  if (due !== null && (run.wakeAt === null || run.wakeAt > Math.max(due, soon))) {
    return `idle, scheduled for ${run.wakeAt}, with something due at ${due}`;
  }
  const isAwaited = books.hasOpenHook || books.hasOpenBackgroundStep;
  if (run.wakeAt === null && !isAwaited) return "idle, not scheduled, and without an open hook or background step";
  return null;
}
