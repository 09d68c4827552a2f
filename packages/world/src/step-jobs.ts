/**
 * The rules of jobs: what an append does to them, who may take one, and what taking one makes of it. Pure; every backend
 * asks these and then only writes what comes back.
 *
 * A job is an attempt of a background step that some worker has to run. It stands beside the log, as a run's row does:
 * which attempt there is follows from the log; how often the attempt was taken, and by whom, is known here alone.
 */
import type { Admitted } from "./admit.ts";
import type { AppendRequest } from "./append.ts";
import type { OwnerState } from "./claim-rules.ts";
import { isEnded } from "./run-record.ts";

/** An attempt of a background step that waits for a worker, or is at one. */
export interface StepJob {
  readonly runId: string;
  readonly correlationId: string;
  readonly stepId: string;
  /** Position of its `step_created`. */
  readonly position: number;
  readonly attempt: number;
  /** How often this attempt was taken; 0 before the first time. */
  readonly delivery: number;
  /** When the attempt may be taken, by the store's clock. */
  readonly readyAt: number;
  /** The worker that has taken it; null: nobody. */
  readonly owner: string | null;
}

/** Which delivery of which attempt: what a result has to be of. */
export interface JobDelivery {
  readonly correlationId: string;
  readonly attempt: number;
  readonly delivery: number;
}

/** What an append does to the jobs of its run, in the same commit. */
export interface JobChanges {
  /** The run has ended: none is left. */
  readonly droppedAll: boolean;
  readonly added: readonly StepJob[];
  /** The delivery that brought its step's result, and goes. */
  readonly done: readonly JobDelivery[];
  /** The delivery that failed, and what becomes of its job. */
  readonly retried: readonly { readonly failed: JobDelivery; readonly next: StepJob }[];
}

const none: JobChanges = { droppedAll: false, added: [], done: [], retried: [] };

/** `reported`: the delivery that the append is the result of, if an executor sent it. */
export function jobChanges({ events, run, fork }: Admitted, reported: JobDelivery | null): JobChanges {
  // Steps that were first asked for in the turn that ended the run are never executed.
  if (isEnded(run.status)) return fork.mayHaveJobs ? { ...none, droppedAll: true } : none;
  if (!fork.mayHaveJobs) return none;
  const changes = { droppedAll: false, added: [] as StepJob[], done: [] as JobDelivery[], retried: [] as Retried[] };
  for (const event of events) {
    const step = fork.entityOf("step", event.correlationId);
    if (event.correlationId === null || step?.dispatch !== "background") continue;
    const { stepId, position } = step;
    const job = { runId: run.runId, correlationId: event.correlationId, stepId, position, delivery: 0, owner: null };
    if (event.type === "step_created") changes.added.push({ ...job, attempt: 1, readyAt: event.committedAt });
    if (reported === null) continue;
    if (event.type === "step_completed" || event.type === "step_failed") changes.done.push(reported);
    else if (event.type === "step_retrying") {
      const { attempt, retryAt } = event.data;
      changes.retried.push({ failed: reported, next: { ...job, attempt, readyAt: retryAt } });
    }
  }
  return changes;
}

type Retried = JobChanges["retried"][number];

/** The delivery that an append is the result of; null when no executor sent it. */
export function reportedDelivery(request: AppendRequest): JobDelivery | null {
  if (request.by !== "executor") return null;
  const { correlationId } = request.fact;
  return correlationId === null ? null : { correlationId, attempt: request.attempt, delivery: request.delivery };
}

/** True when an append leaves a job that any worker may take: executors should look. */
export const offersJobs = (changes: JobChanges): boolean => changes.added.length + changes.retried.length > 0;

/** True when an append changes any job, or takes one from a worker that should stop its body. */
export const concernsJobs = (changes: JobChanges): boolean =>
  changes.droppedAll || changes.done.length > 0 || offersJobs(changes);

/** True when a worker that has the step may take the job now. */
export function isJobReady(job: StepJob, owner: OwnerState, storeNow: number): boolean {
  if (owner === "alive") return false;
  return owner === "dead" || job.readyAt <= storeNow;
}

/** The job once a worker has taken it. The delivery rises, so results of the one before are refused. */
export function takeJob(job: StepJob, workerId: string): StepJob {
  return { ...job, delivery: job.delivery + 1, owner: workerId };
}

/** The job once its worker has given it back, to be taken at once; null when it is another delivery, or nobody's. */
export function returnJob(job: StepJob, workerId: string, given: JobDelivery): StepJob | null {
  return job.owner === workerId && isOfDelivery(job, given) ? { ...job, owner: null } : null;
}

/** The start that a job is at; null: there is no job, or it is at nobody, so no result of it counts. */
export function jobAtWork(
  job: StepJob | null | undefined,
): { readonly attempt: number; readonly delivery: number } | null {
  if (job === null || job === undefined || job.owner === null) return null;
  return { attempt: job.attempt, delivery: job.delivery };
}

/** True when the job is at this very delivery. */
const isOfDelivery = (job: StepJob, { attempt, delivery }: JobDelivery): boolean =>
  job.attempt === attempt && job.delivery === delivery;
