/** What outsiders were told: creations, payloads and cancellations that the store has acknowledged to their senders. */
import type { LogEvent } from "@perdure/world";
import type { SimStore } from "../store/sim-store.ts";
import type { Report } from "./violation.ts";

/** An append of an outsider and what it was told. */
export interface Promised {
  readonly runId: string;
  readonly key: string;
  readonly type: "hook_received" | "run_cancelled";
  readonly position: number;
}

/** A start and what its caller was told: the id of the run that exists. */
export interface PromisedRun {
  readonly runId: string;
  readonly key: string | null;
}

export class Promises {
  readonly appends: Promised[] = [];
  readonly refused: { readonly runId: string; readonly key: string; readonly atTail: number }[] = [];
  readonly starts: PromisedRun[] = [];

  /** L2, L5, H1, X1, X4: what was acknowledged is in the log, once, at the position that was named. */
  judge(store: SimStore, report: Report): void {
    for (const { runId, key } of this.starts) {
      if (store.run(runId) === undefined) report("L2", runId, `an acknowledged run does not exist (key ${key})`);
    }
    for (const promised of this.appends) this.#judgeAppend(promised, store, report);
    for (const { runId, key, atTail } of this.refused) {
      const written = eventsOf(store, runId).some((event) => event.key === key && event.position > atTail);
      if (written) report("H4", runId, `a refused append of key ${key} was written after its refusal`);
    }
  }

  #judgeAppend({ runId, key, type, position }: Promised, store: SimStore, report: Report): void {
    const found = eventsOf(store, runId).filter((event) => event.key === key);
    const [first] = found;
    if (first === undefined) report(type === "hook_received" ? "H1" : "X1", runId, `an acknowledged ${type} is lost`);
    else if (found.length > 1) report("L5", runId, `key ${key} stands ${found.length} times in the log`);
    else if (first.position !== position || first.type !== type) {
      report("L2", runId, `${type} was acknowledged at ${position}; ${first.type} stands at ${first.position}`);
    }
  }
}

function eventsOf(store: SimStore, runId: string): readonly LogEvent[] {
  return store.run(runId)?.events ?? [];
}
