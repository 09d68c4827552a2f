/** Q1: whatever was lost, every live run still has something that will wake it. */
import type { LogEvent, RunRecord } from "@perdure/world";
import type { Report } from "../ledger/violation.ts";
import type { SimStore } from "../store/sim-store.ts";
import type { EntityBooks } from "./entity-books.ts";
import type { LogWatch } from "./log-watch.ts";

/** To be called after every step of the simulator. */
export function judgeWakeUps(store: SimStore, watch: LogWatch, report: Report): void {
  for (const [runId, { run, events }] of store.space.runs) {
    const books = watch.booksOf(runId);
    if (books === undefined || books.status === "ended") continue;
    const missing = missingWakeUp(run, books, events.at(-1));
    if (missing !== null) report("Q1", runId, missing);
  }
}

/** A claimed run is woken by its worker or by the end of its lease; a parked one by people. */
function missingWakeUp(run: RunRecord, books: EntityBooks, last: LogEvent | undefined): string | null {
  if (run.owner !== null || run.parked !== null) return null;
  if (books.status === "pending" && run.wakeAt === null) return "a run that has not started is not scheduled";
  if (last?.key != null && run.wakeAt === null) return `nobody is woken for the ${last.type} at ${last.position}`;
  const due = books.nextDue;
  if (due !== null && (run.wakeAt === null || run.wakeAt > Math.max(due, last?.committedAt ?? 0))) {
    return `idle, scheduled for ${run.wakeAt}, with something due at ${due}`;
  }
  if (run.wakeAt === null && !books.hasOpenHook) return "idle, not scheduled, and without an open hook";
  return null;
}
