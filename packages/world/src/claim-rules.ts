import type { Parked, RunRecord } from "./run-record.ts";
import { isEnded } from "./run-record.ts";

/** Claims in a row that end by expiry without any progress, after which a run is parked as `stalled` (Q3). */
export const expiriesMax = 5;

/** Whether the worker that holds a claim still lives, as the backend knows it from the heartbeats. */
export type OwnerState = "none" | "alive" | "dead";

/** True when a worker that can drive the run's workflow may take it now. */
export function isClaimable(run: RunRecord, owner: OwnerState, storeNow: number): boolean {
  if (isEnded(run.status) || run.parked !== null || owner === "alive") return false;
  return owner === "dead" || (run.wakeAt !== null && run.wakeAt <= storeNow);
}

/** What taking a claimable run makes of its row: claimed under a new epoch, or parked because its drivers keep dying. */
export type Takeover =
  | { readonly kind: "claimed"; readonly run: RunRecord }
  | { readonly kind: "stalled"; readonly run: RunRecord };

export function takeOver(run: RunRecord, workerId: string, storeNow: number): Takeover {
  const expired = run.owner !== null;
  const expiries = expired && run.tail === run.claimTail ? run.expiries + 1 : 0;
  if (expiries >= expiriesMax) {
    const parked: Parked = {
      reason: "stalled",
      detail: `${expiries} workers in a row were lost while they drove this run, and none of them made progress.`,
      position: run.tail,
      since: storeNow,
    };
    return { kind: "stalled", run: { ...run, owner: null, epoch: run.epoch + 1, lastAppend: null, expiries, parked } };
  }
  const epoch = run.epoch + 1;
  return {
    kind: "claimed",
    run: { ...run, owner: workerId, epoch, lastAppend: null, expiries, claimTail: run.tail, wakeAt: null },
  };
}
