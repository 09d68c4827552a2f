import {
  admitPark,
  admitRelease,
  admitUnpark,
  type Heartbeat,
  isPolled,
  nextLoss,
  ownerState,
  takeOver,
} from "../claim-rules.ts";
import { isEnded } from "../run-record.ts";
import type { ClaimedRun, ClaimRequest, ClaimResult, NewParked, PolledRun, WorldClaims } from "../world.ts";
import type { MemorySpace, StoredRun } from "./memory-space.ts";
import type { Session } from "./session.ts";

export function memoryClaims(session: Session): WorldClaims {
  const { space } = session;
  return {
    async heartbeat(worker) {
      space.beats.set(worker.id, { at: session.now(), leaseMs: worker.leaseMs });
    },
    async claim(request) {
      return claimRuns(session, request);
    },
    async poll(workerId, which) {
      return which === "held" ? heldRuns(session, workerId) : pollRuns(session, workerId);
    },
    async release(runId, request) {
      session.assertOpen();
      const stored = space.runs.get(runId);
      if (stored === undefined) return "fenced";
      const verdict = admitRelease(stored.run, request);
      if (verdict.kind !== "released") return verdict.kind;
      if (verdict.run !== null) {
        space.setRun(stored, verdict.run);
        if (verdict.run.wakeAt !== null) space.notify(runId);
      }
      return "released";
    },
    async retire(workerId) {
      session.assertOpen();
      space.beats.delete(workerId);
      for (const { run } of space.heldBy(workerId)) space.notify(run.runId);
      for (const { runId } of space.jobs.heldBy(workerId)) space.notify(runId);
    },
    heartbeatThread: () => null,
  };
}

/** Parks a run; false when its rules forbid it. */
export function parkRun(session: Session, runId: string, epoch: number, parked: NewParked): boolean {
  const storeNow = session.now();
  const stored = session.space.runs.get(runId);
  const run = stored === undefined ? null : admitPark(stored.run, epoch, parked, storeNow);
  if (stored === undefined || run === null) return false;
  session.space.setRun(stored, run);
  return true;
}

/** Puts a parked run back; false when it was not parked. */
export function unparkRun(session: Session, runId: string): boolean {
  const storeNow = session.now();
  const stored = session.space.runs.get(runId);
  const run = stored === undefined ? null : admitUnpark(stored.run, storeNow);
  if (stored === undefined || run === null) return false;
  session.space.setRun(stored, run);
  session.space.notify(runId);
  return true;
}

function claimRuns(session: Session, { worker, max }: ClaimRequest): ClaimResult {
  const { space } = session;
  const storeNow = session.now();
  const nextLossAt = nextLoss(beatsOf(space), { workerId: worker.id, storeNow });
  const runs: ClaimedRun[] = [];
  for (const stored of lostRuns(session, worker.workflows, storeNow)) {
    if (runs.length >= max) return { runs, storeNow, nextWakeAt: storeNow, nextLossAt };
    take(session, stored, worker.id, storeNow, runs);
  }
  for (;;) {
    const heads = space.heads(worker.workflows);
    const due = heads.filter(({ dueAt }) => dueAt <= storeNow);
    if (due.length === 0 || runs.length >= max) {
      return { runs, storeNow, nextWakeAt: heads[0]?.dueAt ?? null, nextLossAt };
    }
    for (const { stored } of due.slice(0, max - runs.length)) take(session, stored, worker.id, storeNow, runs);
  }
}

/** The workers that hold runs, with their last beats. */
function* beatsOf(space: MemorySpace): Generator<readonly [string, Heartbeat | null]> {
  for (const owner of space.owners()) yield [owner, space.beats.get(owner) ?? null];
}

/** The runs of workers that no longer live, as far as these workflows cover them. */
function lostRuns({ space }: Session, workflows: readonly string[], storeNow: number): StoredRun[] {
  const capable = new Set(workflows);
  const lost: StoredRun[] = [];
  for (const owner of space.owners()) {
    const beat = space.beats.get(owner) ?? null;
    for (const stored of space.heldBy(owner)) {
      if (ownerState(stored.run, beat, storeNow) !== "dead") break;
      if (capable.has(stored.run.workflowId)) lost.push(stored);
    }
  }
  return lost;
}

function take(session: Session, stored: StoredRun, workerId: string, storeNow: number, into: ClaimedRun[]): void {
  const takeover = takeOver(stored.run, workerId, storeNow);
  session.space.setRun(stored, takeover.run);
  if (takeover.kind === "claimed") into.push({ run: stored.run, epoch: stored.run.epoch });
}

function heldRuns(session: Session, workerId: string): PolledRun[] {
  session.assertOpen();
  return [...session.space.heldBy(workerId)].map(({ run: { runId, epoch, tail, status } }) => {
    return { runId, epoch, tail, status };
  });
}

function pollRuns(session: Session, workerId: string): PolledRun[] {
  const storeNow = session.now();
  const { space } = session;
  const polled: PolledRun[] = [];
  for (const stored of [...space.heldBy(workerId), ...space.endedUnder(workerId)]) {
    const { runId, epoch, tail, status } = stored.run;
    if (isPolled(stored.run, workerId, storeNow)) polled.push({ runId, epoch, tail, status });
    else if (isEnded(status)) space.forgetEnded(workerId, stored);
  }
  return polled;
}
