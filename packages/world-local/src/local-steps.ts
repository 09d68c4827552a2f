/** Background steps: which worker runs which attempt. The rules are those of `@perdure/world`. */
import { UndecodableError } from "@perdure/errors";
import {
  admitPark,
  type ClaimedJob,
  earlier,
  isJobReady,
  type JobClaimRequest,
  type JobClaimResult,
  type JobDelivery,
  JobTurns,
  type LogEvent,
  nextLoss,
  returnJob,
  type StepJob,
  sharedOut,
  takeJob,
  type WorldSteps,
} from "@perdure/world";
import type { StoredJob } from "./job-rows.ts";
import type { FoundRun } from "./run-rows.ts";
import { type Announce, changeOf, type Store } from "./store.ts";
import { lostOwners } from "./worker-rows.ts";

export function localSteps(store: Store): WorldSteps {
  const turns = new JobTurns<number>();
  return {
    async claim(request) {
      store.addOwnWorker(request.workerId);
      const idle = await store.read(() => nothingToClaim(store, request));
      return idle ?? store.write((announce) => claimJobs(store, request, turns, announce));
    },
    held: (workerId) => store.read(() => heldJobs(store, workerId)),
    release: (workerId, runId, delivery) =>
      store.write((announce) => releaseJob(store, runId, { workerId, delivery }, announce)),
  };
}

/** The answer of a claim that finds nothing, without taking the write lock; null when there may be something. */
function nothingToClaim(store: Store, { workerId, steps, max }: JobClaimRequest): JobClaimResult | null {
  const storeNow = store.settings.now();
  const nextReadyAt = nextReady(store, steps);
  const owners = store.jobs.owners();
  const mayTake = (nextReadyAt !== null && nextReadyAt <= storeNow) || lostOwners(owners, storeNow).length > 0;
  if (max > 0 && mayTake) return null;
  return { jobs: [], storeNow, nextReadyAt, nextLossAt: nextLoss(owners, { workerId, storeNow }) };
}

function claimJobs(
  store: Store,
  { workerId, steps, max }: JobClaimRequest,
  turns: JobTurns<number>,
  announce: Announce,
): JobClaimResult {
  const storeNow = store.settings.now();
  const jobs: ClaimedJob[] = [];
  const owners = store.jobs.owners();
  const lost = lostOwners(owners, storeNow).flatMap((owner) => store.jobs.lostBy(owner, steps, max + 1));
  const ready = readyJobs(store, { steps, storeNow, max: max - lost.length }, turns);
  for (const stored of [...lost, ...ready].slice(0, max)) {
    const owner = stored.job.owner === null ? "none" : "dead";
    if (!stored.isDamaged && !isJobReady(withRun(stored, ""), owner, storeNow)) continue;
    const taken = take(store, stored, workerId, announce);
    if (taken !== null) jobs.push(taken);
  }
  const nextReadyAt = lost.length > max ? storeNow : nextReady(store, steps);
  return { jobs, storeNow, nextReadyAt, nextLossAt: nextLoss(owners, { workerId, storeNow }) };
}

interface Wanted {
  readonly steps: readonly string[];
  readonly storeNow: number;
  readonly max: number;
}

/** What is at nobody and ready: the longest ready first, and where that is not all, half of it of runs in turn. */
function readyJobs(store: Store, { steps, storeNow, max }: Wanted, turns: JobTurns<number>): readonly StoredJob[] {
  if (max <= 0) return [];
  const longest = steps.flatMap((stepId) => store.jobs.ready(stepId, storeNow, max));
  longest.sort((a, b) => a.job.readyAt - b.job.readyAt);
  const turn = turns.next(max);
  if (longest.length < max || turn.runs === 0) return longest;
  const { jobs, last } = store.jobs.inTurn(steps, storeNow, turn);
  turns.had(last);
  return sharedOut(longest, jobs, { ...turn, max }, ({ rid, job }) => `${job.position} ${rid}`);
}

/** Null: the job, its call or its run is damaged. */
function take(store: Store, stored: StoredJob, workerId: string, announce: Announce): ClaimedJob | null {
  const { rid } = stored;
  const found = store.runs.byRid(rid);
  const created = stored.isDamaged || found === null || found.isDamaged ? null : callOf(store, stored);
  if (created !== null && found !== null) {
    const { runId, workflowName, startedAt } = found.run;
    const job = takeJob(withRun(stored, runId), workerId);
    store.jobs.put(rid, job);
    return { job, created, run: { workflowName, startedAt } };
  }
  store.jobs.remove(rid, stored.job.correlationId);
  if (found !== null) parkDamaged(store, found, announce);
  return null;
}

/** The call that a job is about; null: it is damaged. */
function callOf(store: Store, { rid, job }: StoredJob): LogEvent<"step_created"> | null {
  try {
    const [event] = store.events.read(rid, job.position - 1, job.position);
    return event?.type === "step_created" && event.correlationId === job.correlationId ? event : null;
  } catch (error) {
    if (UndecodableError.is(error)) return null;
    throw error;
  }
}

/** Nobody would ever run the step that the run waits for. */
function parkDamaged(store: Store, { rid, run, isDamaged }: FoundRun, announce: Announce): void {
  const storeNow = store.settings.now();
  const detail = "A job of this run, or the call that it is about, does not match its checksum: the store is damaged.";
  const parked = admitPark(run, run.epoch, { reason: "undecodable", detail, position: null }, storeNow);
  if (isDamaged) store.runs.parkDamaged(rid, storeNow);
  else if (parked === null) return;
  else store.replaceRun({ rid, run }, parked);
  announce(changeOf(parked ?? run, false));
}

const withRun = ({ job }: StoredJob, runId: string): StepJob => ({ ...job, runId });

function nextReady(store: Store, steps: readonly string[]): number | null {
  return steps.reduce<number | null>((next, stepId) => earlier(next, store.jobs.firstReadyAt(stepId)), null);
}

function heldJobs(store: Store, workerId: string): readonly StepJob[] {
  const jobs: StepJob[] = [];
  for (const stored of store.jobs.heldBy(workerId)) {
    const found = store.runs.byRid(stored.rid);
    if (!stored.isDamaged && found !== null) jobs.push(withRun(stored, found.run.runId));
  }
  return jobs;
}

function releaseJob(
  store: Store,
  runId: string,
  { workerId, delivery }: { readonly workerId: string; readonly delivery: JobDelivery },
  announce: Announce,
): boolean {
  const entry = store.cache.get(runId);
  const stored = entry === null ? null : store.jobs.find(entry.rid, delivery.correlationId);
  if (entry === null || stored === null || stored.isDamaged) return false;
  const job = returnJob(withRun(stored, runId), workerId, delivery);
  if (job === null) return false;
  store.jobs.put(entry.rid, job);
  announce(changeOf(entry.run, true, null));
  return true;
}
