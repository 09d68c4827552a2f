import { invariant } from "@perdure/errors";
import { type Heartbeat, nextLoss, ownerState } from "../claim-rules.ts";
import { earlier } from "../next-wake.ts";
import { isJobReady, returnJob, type StepJob, takeJob } from "../step-jobs.ts";
import type { ClaimedJob, JobClaimRequest, JobClaimResult, WorldSteps } from "../world.ts";
import { copied } from "./memory-space.ts";
import type { Session } from "./session.ts";

export function memorySteps(session: Session): WorldSteps {
  const { jobs } = session.space;
  return {
    async claim(request) {
      return claimJobs(session, request);
    },
    async held(workerId) {
      session.assertOpen();
      return jobs.heldBy(workerId);
    },
    async release(workerId, runId, delivery) {
      session.assertOpen();
      const job = jobs.get(runId, delivery.correlationId);
      const returned = job === undefined ? null : returnJob(job, workerId, delivery);
      if (returned === null) return false;
      jobs.set(returned);
      session.space.notify(runId);
      return true;
    },
  };
}

function claimJobs(session: Session, { workerId, steps, max }: JobClaimRequest): JobClaimResult {
  const { space } = session;
  const storeNow = session.now();
  const ready: StepJob[] = [];
  const owners = new Map<string, Heartbeat | null>();
  let nextReadyAt: number | null = null;
  for (const job of space.jobs.all()) {
    const beat = job.owner === null ? null : (space.beats.get(job.owner) ?? null);
    const owner = ownerState(job, beat, storeNow);
    if (job.owner !== null) owners.set(job.owner, beat);
    if (!steps.includes(job.stepId) || owner === "alive") continue;
    if (isJobReady(job, owner, storeNow)) ready.push(job);
    else nextReadyAt = earlier(nextReadyAt, job.readyAt);
  }
  // Sorting is stable: of the jobs that are ready since one moment, the one that was entered first comes first.
  ready.sort((a, b) => Number(a.owner === null) - Number(b.owner === null) || a.readyAt - b.readyAt);
  const nextLossAt = nextLoss(owners, { workerId, storeNow });
  const taken = ready.splice(0, Math.max(0, max)).map((job) => takeJob(job, workerId));
  for (const job of taken) space.jobs.set(job);
  const [left] = ready;
  if (left !== undefined) nextReadyAt = left.owner === null ? left.readyAt : storeNow;
  return { jobs: taken.map((job) => withCall(session, job)), storeNow, nextReadyAt, nextLossAt };
}

function withCall({ space }: Session, job: StepJob): ClaimedJob {
  const stored = space.runs.get(job.runId);
  const created = stored?.events[job.position - 1];
  invariant(
    stored !== undefined && created?.type === "step_created",
    `a job of ${job.runId} is about the call at position ${job.position}`,
  );
  const [copy = created] = copied([created]);
  const { workflowName, startedAt } = stored.run;
  return { job, created: copy as typeof created, run: { workflowName, startedAt } };
}
