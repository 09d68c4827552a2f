/**
 * The rules of claims, parking and liveness: pure transitions of a run's row. Like `admit`, every backend asks these and
 * then only writes what comes back.
 */
import { earlier } from "./next-wake.ts";
import type { Parked, RunRecord } from "./run-record.ts";
import { isEnded } from "./run-record.ts";
import type { EagerStart, NewParked, ReleaseRequest } from "./world.ts";

/** Claims in a row that end by expiry without any progress, after which a run is parked as `stalled` (Q3). */
export const expiriesMax = 5;

/**
 * How long, in milliseconds, a worker's poll shows it a run that somebody else ended under its hands. It only has to be
 * long enough to outlast a store that cannot be reached; a body that is told late is aborted late, nothing else.
 */
export const endedShownMs = 60_000;

/** Whether the worker that holds a claim still lives, as the backend knows it from the heartbeats. */
export type OwnerState = "none" | "alive" | "dead";

/** A worker's last sign of life; both in milliseconds, `at` by the store's clock. */
export interface Heartbeat {
  readonly at: number;
  readonly leaseMs: number;
}

/** The state of a run's owner, given the last beat of that worker: null when it never beat, or has retired. */
export function ownerState(run: Pick<RunRecord, "owner">, beat: Heartbeat | null, storeNow: number): OwnerState {
  if (run.owner === null) return "none";
  return beat !== null && storeNow - beat.at < beat.leaseMs ? "alive" : "dead";
}

/** When the first of these workers is lost unless it beats before; null: none of them lives, or there is no other one. */
export function nextLoss(
  owners: Iterable<readonly [workerId: string, beat: Heartbeat | null]>,
  { workerId, storeNow }: { readonly workerId: string; readonly storeNow: number },
): number | null {
  let next: number | null = null;
  for (const [owner, beat] of owners) {
    if (beat === null || owner === workerId || ownerState({ owner }, beat, storeNow) === "dead") continue;
    next = earlier(next, beat.at + beat.leaseMs);
  }
  return next;
}

/** True when a worker that can drive the run's workflow may take it now. */
export function isClaimable(run: RunRecord, owner: OwnerState, storeNow: number): boolean {
  if (isEnded(run.status) || run.parked !== null || owner === "alive") return false;
  return owner === "dead" || (run.wakeAt !== null && run.wakeAt <= storeNow);
}

/**
 * The order in which runs that are due are claimed: one of each workflow in turn, the longest due first, so that no
 * workflow waits until the backlog of another one is gone. Of each workflow the runs are given in the order in which they
 * became due.
 */
export function inTurns<T>(workflows: readonly (readonly T[])[], dueAt: (run: T) => number, max: number): T[] {
  const taken: T[] = [];
  const most = Math.max(0, ...workflows.map(({ length }) => length));
  for (let turn = 0; turn < most && taken.length < max; turn += 1) {
    const next = workflows.flatMap((runs) => runs.slice(turn, turn + 1));
    taken.push(...next.sort((a, b) => dueAt(a) - dueAt(b)).slice(0, max - taken.length));
  }
  return taken;
}

/** What taking a claimable run makes of its row: claimed under a new epoch, or parked because its drivers keep dying. */
export type Takeover =
  | { readonly kind: "claimed"; readonly run: RunRecord }
  | { readonly kind: "stalled"; readonly run: RunRecord };

/** Takes a run that {@link isClaimable} for a worker. The epoch rises either way, so the driver before is fenced (D1). */
export function takeOver(run: RunRecord, workerId: string, storeNow: number): Takeover {
  const expired = run.owner !== null;
  const expiries = expired && run.tail === run.claimTail ? run.expiries + 1 : 0;
  const epoch = run.epoch + 1;
  if (expiries >= expiriesMax) {
    const parked: Parked = {
      reason: "stalled",
      detail: `${expiries} workers in a row were lost while they drove this run, and none of them made progress.`,
      position: run.tail,
      since: storeNow,
    };
    return { kind: "stalled", run: { ...run, owner: null, epoch, lastAppend: null, expiries, parked, wakeAt: null } };
  }
  return {
    kind: "claimed",
    run: { ...run, owner: workerId, epoch, lastAppend: null, expiries, claimTail: run.tail, wakeAt: null },
  };
}

/** What {@link admitRelease} decides; `run` is the row to write, or null when it is to stay as it is. */
export type ReleaseVerdict =
  | { readonly kind: "released"; readonly run: RunRecord | null }
  | { readonly kind: "moved" }
  | { readonly kind: "fenced" };

/**
 * Judges a release. Sent again after it succeeded, it succeeds again and changes nothing, as long as nobody claimed the
 * run or wrote to it since.
 */
export function admitRelease(run: RunRecord, request: ReleaseRequest): ReleaseVerdict {
  if (request.epoch !== run.epoch || run.parked !== null) return { kind: "fenced" };
  if (run.owner === null) return request.ifTail === run.tail ? { kind: "released", run: null } : { kind: "fenced" };
  // A driver that is ahead of the store would find the tail moved each time that it looks.
  if (request.ifTail > run.tail) return { kind: "fenced" };
  if (request.ifTail !== run.tail) return { kind: "moved" };
  return { kind: "released", run: { ...run, owner: null, wakeAt: request.wakeAt } };
}

/** The row of a run that its driver parks; the same row when it is parked already; null when it must not be parked. */
export function admitPark(run: RunRecord, epoch: number, parked: NewParked, storeNow: number): RunRecord | null {
  if (isEnded(run.status) || epoch !== run.epoch) return null;
  if (run.parked !== null) return run;
  const { reason, detail, position } = parked;
  return { ...run, owner: null, wakeAt: null, parked: { reason, detail, position, since: storeNow } };
}

/** The row of a parked run that is put back, due at once; null when it is not parked. */
export function admitUnpark(run: RunRecord, storeNow: number): RunRecord | null {
  return run.parked === null ? null : { ...run, parked: null, wakeAt: storeNow, expiries: 0 };
}

/**
 * True when a worker's poll shows the run: it holds the claim and somebody else wrote since its last append (or since it
 * claimed), or somebody else ended the run while it held the claim, at most {@link endedShownMs} ago.
 */
export function isPolled(run: RunRecord, workerId: string, storeNow: number): boolean {
  if (run.owner === workerId) return run.tail > Math.max(run.claimTail, run.lastAppend?.last ?? 0);
  return run.endedOwner === workerId && run.endedAt !== null && storeNow - run.endedAt < endedShownMs;
}

/** `released` in the answer to a creation that is sent again: true when the claim of the first one is gone. */
export function isEagerClaimGone(run: RunRecord, eager: EagerStart | null): boolean {
  return eager !== null && !(run.owner === eager.worker && run.epoch === 1);
}
