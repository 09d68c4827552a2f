/** Background steps: which worker runs which attempt. The rules are those of `@perdure/world`. */
import {
  type ClaimedJob,
  isJobReady,
  type JobClaimRequest,
  type JobClaimResult,
  type JobDelivery,
  JobTurns,
  ownerState,
  returnJob,
  type StepJob,
  sharedOut,
  takeJob,
  type WorldSteps,
} from "@perdure/world";
import type { Queries } from "./database.ts";
import type { LockedJob } from "./job-rows.ts";
import type { Store } from "./store.ts";
import { heartbeat, lossesOf } from "./worker-rows.ts";

export function postgresSteps(store: Store): WorldSteps {
  const turns = new JobTurns<string>();
  return {
    claim: (request) =>
      store.call(() => {
        store.restoration.beatsOf(request.workerId);
        store.addOwnWorker(request.workerId);
        return claim(store, request, turns);
      }),
    held: (workerId) =>
      store.call(() => {
        store.restoration.beatsOf(workerId);
        return store.jobs.heldBy(store.database, workerId);
      }),
    release: (workerId, runId, delivery) =>
      store.call(() => {
        store.restoration.beatsOf(workerId);
        return release(store, workerId, runId, delivery);
      }),
  };
}

/** Looks first, without a lock, because mostly there is nothing to take. */
async function claim(
  store: Store,
  { workerId, steps, max }: JobClaimRequest,
  turns: JobTurns<string>,
): Promise<JobClaimResult> {
  const { storeNow, nextReadyAt, owners } = await store.jobs.outlook(store.database, steps);
  store.clock.learn(storeNow);
  const { lostOwners, nextLossAt } = lossesOf(owners, workerId, storeNow);
  const isReady = nextReadyAt !== null && nextReadyAt <= storeNow;
  if (max <= 0 || (!isReady && lostOwners.length === 0)) return { jobs: [], storeNow, nextReadyAt, nextLossAt };
  let isMore = false;
  const taken = await store.database.transaction(async (queries) => {
    const ofLost = await store.jobs.lockLost(queries, lostOwners, steps, max + 1);
    const ready = await lockReady(store, queries, { steps, storeNow, max: max - ofLost.length }, turns);
    isMore = ofLost.length > max || ready.isMore;
    const free = [...ofLost, ...ready.jobs].filter(isFree).slice(0, max);
    const jobs = free.map(({ job }) => takeJob(job, workerId));
    if (jobs.length > 0) await store.jobs.replace(queries, jobs);
    return jobs;
  });
  const jobs = await withCalls(store, taken);
  if (isMore) return { jobs, storeNow, nextReadyAt: storeNow, nextLossAt };
  const next = await store.jobs.outlook(store.database, steps);
  return { jobs, storeNow, nextReadyAt: next.nextReadyAt, nextLossAt };
}

interface Wanted {
  readonly steps: readonly string[];
  readonly storeNow: number;
  readonly max: number;
}

/** Locks what is ready: the longest ready first, and where that is not all, half of it of runs in turn. */
async function lockReady(
  store: Store,
  queries: Queries,
  { steps, storeNow, max }: Wanted,
  turns: JobTurns<string>,
): Promise<{ readonly jobs: readonly LockedJob[]; readonly isMore: boolean }> {
  if (max <= 0) return { jobs: [], isMore: false };
  const longest = await store.jobs.lockReady(queries, steps, storeNow, max + 1);
  const isMore = longest.length > max;
  const turn = turns.next(max);
  if (!isMore || turn.runs === 0) return { jobs: longest.slice(0, max), isMore };
  const { jobs, last } = await store.jobs.lockInTurn(queries, steps, storeNow, turn);
  turns.had(last);
  const chosen = sharedOut(longest, jobs, { ...turn, max }, ({ job }) => `${job.position} ${job.runId}`);
  return { jobs: chosen, isMore };
}

/** As it is now that its row is locked. */
const isFree = ({ job, now, beatAt, leaseMs }: LockedJob): boolean =>
  isJobReady(job, ownerState(job, heartbeat(beatAt, leaseMs), now), now);

/** The events of a log never change, so they may be read after the jobs were taken. A job without a sound one is not run. */
async function withCalls(store: Store, jobs: readonly StepJob[]): Promise<ClaimedJob[]> {
  if (jobs.length === 0) return [];
  const found = await store.events.readAt(store.database, jobs);
  const calls = new Map(found.map((call) => [`${call.event.position} ${call.runId}`, call]));
  return jobs.flatMap((job) => {
    const { event: created, run } = calls.get(`${job.position} ${job.runId}`) ?? {};
    return run !== undefined && created?.type === "step_created" ? [{ job, created, run }] : [];
  });
}

async function release(store: Store, workerId: string, runId: string, delivery: JobDelivery): Promise<boolean> {
  const returned = await store.database.transaction(async (queries) => {
    const job = await store.jobs.lock(queries, runId, delivery.correlationId);
    const back = job === null ? null : returnJob(job, workerId, delivery);
    if (back !== null) await store.jobs.replace(queries, [back]);
    return back !== null;
  });
  if (returned) store.announceDue(runId);
  return returned;
}
