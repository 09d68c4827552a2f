/** Claims: which worker drives which run. The rules are those of `@perdure/world`; here are the queries behind them. */
import {
  admitPark,
  admitRelease,
  admitUnpark,
  type ClaimedRun,
  type ClaimRequest,
  type ClaimResult,
  endedShownMs,
  inTurns,
  isPolled,
  type NewParked,
  nextLoss,
  type PolledRun,
  type ReleaseRequest,
  takeOver,
  type WorldClaims,
} from "@perdure/world";
import { checkpointPagesWithThread } from "./connection.ts";
import { heartbeatSource, heartbeatThreadData } from "./heartbeat-thread.ts";
import { type FoundRun, unclaimed } from "./run-rows.ts";
import { type Announce, changeOf, type Store } from "./store.ts";
import { lostOwners } from "./worker-rows.ts";

/** More runs than this are told as one hint in any case. */
const retiredHintsMax = 100;

/** `hasOwnClock`: time does not come from the system, so a thread cannot know it and beats are left to the event loop. */
export function localClaims(store: Store, hasOwnClock: boolean): WorldClaims {
  return {
    async heartbeat(worker) {
      store.addOwnWorker(worker.id);
      await store.write(() => store.workers.beat(worker, store.settings.now()));
    },
    async claim(request) {
      store.addOwnWorker(request.worker.id);
      const idle = await store.read(() => nothingToClaim(store, request));
      return idle ?? store.write((announce) => claimRuns(store, request, announce));
    },
    poll: (workerId, which = "moved") => store.read(() => pollRuns(store, workerId, which)),
    release: (runId, request) => store.write((announce) => releaseRun(store, runId, request, announce)),
    async retire(workerId) {
      await store.write((announce) => retireWorker(store, workerId, announce));
      store.removeOwnWorker(workerId);
    },
    heartbeatThread() {
      store.assertOpen();
      if (hasOwnClock) return null;
      store.checkpointAt(checkpointPagesWithThread);
      return { source: heartbeatSource, data: heartbeatThreadData(store.settings.file, store.namespaceId) };
    },
  };
}

/** Parks a run; false when its rules forbid it. */
export function parkRun(
  store: Store,
  runId: string,
  request: { readonly epoch: number; readonly parked: NewParked },
  announce: Announce,
): boolean {
  const entry = store.cache.get(runId);
  const run = entry === null ? null : admitPark(entry.run, request.epoch, request.parked, store.settings.now());
  if (entry === null || run === null) return false;
  store.replaceRun(entry, run);
  announce(changeOf(run, false));
  return true;
}

/** Puts a parked run back; false when it was not parked. */
export function unparkRun(store: Store, runId: string, announce: Announce): boolean {
  const entry = store.cache.get(runId);
  const run = entry === null ? null : admitUnpark(entry.run, store.settings.now());
  if (entry === null || run === null) return false;
  store.replaceRun(entry, run);
  announce(changeOf(run, true));
  return true;
}

/** The answer of a claim that finds nothing, without taking the write lock; null when there may be something. */
function nothingToClaim(store: Store, { worker, max }: ClaimRequest): ClaimResult | null {
  const storeNow = store.settings.now();
  const nextWakeAt = nextDue(store, worker.workflows);
  const owners = store.workers.owners();
  if (max > 0 && ((nextWakeAt !== null && nextWakeAt <= storeNow) || lostOwners(owners, storeNow).length > 0))
    return null;
  return { runs: [], storeNow, nextWakeAt, nextLossAt: nextLoss(owners, { workerId: worker.id, storeNow }) };
}

function claimRuns(store: Store, { worker, max }: ClaimRequest, announce: Announce): ClaimResult {
  const storeNow = store.settings.now();
  const runs: ClaimedRun[] = [];
  const take = (stored: FoundRun): void => {
    if (stored.isDamaged) {
      store.runs.parkDamaged(stored.rid, storeNow);
      announce(changeOf(stored.run, false));
      return;
    }
    const { kind, run } = takeOver(stored.run, worker.id, storeNow);
    store.replaceRun(stored, run);
    if (kind === "claimed") runs.push({ run, epoch: run.epoch });
    else announce(changeOf(run, false));
  };
  const workflows = JSON.stringify(worker.workflows);
  const owners = store.workers.owners();
  const nextLossAt = nextLoss(owners, { workerId: worker.id, storeNow });
  let moreLost = false;
  for (const owner of lostOwners(owners, storeNow)) {
    const limit = max - runs.length;
    const held = heldBy(store, owner, workflows, limit + 1);
    moreLost ||= held.length > limit;
    for (const stored of held.slice(0, limit)) take(stored);
  }
  for (const stored of dueRuns(store, worker.workflows, storeNow, max - runs.length)) take(stored);
  return { runs, storeNow, nextWakeAt: moreLost ? storeNow : nextDue(store, worker.workflows), nextLossAt };
}

function heldBy(store: Store, owner: string, workflows: string, limit: number): readonly FoundRun[] {
  const condition = "owner = ? AND workflow_id IN (SELECT value FROM json_each(?)) ORDER BY rid LIMIT ?";
  return store.runs.select(condition, [owner, workflows, limit]);
}

/** One seek per workflow, so that runs which this worker cannot drive cost nothing however many are due. */
function dueRuns(store: Store, workflows: readonly string[], storeNow: number, max: number): readonly FoundRun[] {
  const condition = `workflow_id = ? AND ${unclaimed} AND wake_at <= ? ORDER BY wake_at, rid LIMIT ?`;
  const due = workflows.map((workflowId) => store.runs.select(condition, [workflowId, storeNow, max]));
  return inTurns(due, ({ run }) => run.wakeAt ?? 0, max);
}

function nextDue(store: Store, workflows: readonly string[]): number | null {
  let next: number | null = null;
  for (const workflowId of workflows) {
    const wakeAt = store.runs.firstWakeAt(workflowId);
    if (wakeAt !== null && (next === null || wakeAt < next)) next = wakeAt;
  }
  return next;
}

function pollRuns(store: Store, workerId: string, which: "moved" | "held"): readonly PolledRun[] {
  const found = which === "held" ? store.runs.select("owner = ?", [workerId]) : movedRuns(store, workerId);
  const sound = found.filter(({ isDamaged }) => !isDamaged);
  return sound.map(({ run: { runId, epoch, tail, status } }) => ({ runId, epoch, tail, status }));
}

function movedRuns(store: Store, workerId: string): readonly FoundRun[] {
  const storeNow = store.settings.now();
  const moved = "owner = ? AND tail > max(claim_tail, ifnull(append_last, 0))";
  const ended = "ended_owner = ? AND ended_at > ?";
  const candidates = [
    ...store.runs.select(moved, [workerId]),
    ...store.runs.select(ended, [workerId, storeNow - endedShownMs]),
  ];
  return candidates.filter(({ run }) => isPolled(run, workerId, storeNow));
}

function releaseRun(
  store: Store,
  runId: string,
  request: ReleaseRequest,
  announce: Announce,
): "released" | "moved" | "fenced" {
  const entry = store.cache.get(runId);
  if (entry === null) return "fenced";
  const verdict = admitRelease(entry.run, request);
  if (verdict.kind !== "released" || verdict.run === null) return verdict.kind;
  store.replaceRun(entry, verdict.run);
  announce(changeOf(verdict.run, verdict.run.wakeAt !== null));
  return "released";
}

function retireWorker(store: Store, workerId: string, announce: Announce): void {
  store.workers.remove(workerId);
  for (const { run } of store.runs.select("owner = ? LIMIT ?", [workerId, retiredHintsMax])) {
    announce(changeOf(run, true, null));
  }
}
