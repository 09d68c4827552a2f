/** The jobs of a namespace: attempts of background steps that wait for a worker, or are at one. */
import type { JobChanges, StepJob } from "../step-jobs.ts";

export class MemoryJobs {
  readonly #runs = new Map<string, Map<string, StepJob>>();

  get(runId: string, correlationId: string): StepJob | undefined {
    return this.#runs.get(runId)?.get(correlationId);
  }

  *all(): Generator<StepJob> {
    for (const jobs of this.#runs.values()) yield* jobs.values();
  }

  heldBy(workerId: string): StepJob[] {
    return [...this.all()].filter(({ owner }) => owner === workerId);
  }

  /** Enter a job, or replace it in its place. */
  set(job: StepJob): void {
    const { runId, correlationId } = job;
    const jobs = this.#runs.get(runId) ?? new Map<string, StepJob>();
    this.#runs.set(runId, jobs);
    jobs.set(correlationId, Object.freeze(job));
  }

  apply(runId: string, { droppedAll, added, done, retried }: JobChanges): void {
    if (droppedAll) this.#runs.delete(runId);
    for (const job of added) this.set(job);
    for (const { correlationId } of done) this.#runs.get(runId)?.delete(correlationId);
    for (const { next } of retried) this.set(next);
    if (this.#runs.get(runId)?.size === 0) this.#runs.delete(runId);
  }
}
