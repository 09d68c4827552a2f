/**
 * Watches the jobs of background steps as the store changes them, with a memory of its own: whose they are, how often they
 * were taken, that each open background step of a live run has one, and that nothing else has.
 */
import type { LogEvent, StepJob } from "@perdure/world";
import type { Report } from "../ledger/violation.ts";
import type { SimStore } from "../store/sim-store.ts";

type StepFact = LogEvent<"step_started" | "step_completed" | "step_failed" | "step_retrying">;

export class JobWatch {
  readonly #store: SimStore;
  readonly #report: Report;
  /** The jobs as they were at the last look. */
  #seen = new Map<string, StepJob>();
  /** Open background steps, by run, with their attempts. */
  readonly #open = new Map<string, Map<string, number>>();

  constructor(store: SimStore, report: Report) {
    this.#store = store;
    this.#report = report;
  }

  /** S4: a result is of the delivery that had the job before it. To be called with each event before the next look. */
  event(runId: string, event: LogEvent): void {
    const { correlationId: id } = event;
    if (event.type === "run_completed" || event.type === "run_failed" || event.type === "run_cancelled") {
      this.#open.delete(runId);
    }
    if (id === null) return;
    if (event.type === "step_created" && event.data.dispatch === "background") {
      const open = this.#open.get(runId) ?? new Map<string, number>();
      this.#open.set(runId, open.set(id, 1));
    }
    const open = this.#open.get(runId);
    if (open?.has(id) !== true || !isStepFact(event)) return;
    this.#judgeFact(runId, id, event);
    if (event.type === "step_retrying") open.set(id, event.data.attempt);
    else open.delete(id);
  }

  /** To be called after every call that the store applied. */
  look(): void {
    const now = new Map<string, StepJob>();
    for (const job of this.#store.space.jobs.all()) {
      const key = `${job.runId} ${job.correlationId}`;
      now.set(key, job);
      const before = this.#seen.get(key);
      if (before !== undefined && before !== job) this.#judgeChange(before, job);
      if (this.#open.get(job.runId)?.get(job.correlationId) !== job.attempt) {
        this.#report("T4", job.runId, `a job without an open step at its attempt: ${named(job)}`);
      }
    }
    for (const [runId, steps] of this.#open) {
      for (const id of steps.keys()) {
        if (!now.has(`${runId} ${id}`)) this.#report("Q1", runId, `the background step ${id} is open and has no job`);
      }
    }
    this.#seen = now;
  }

  #judgeFact(runId: string, id: string, event: StepFact): void {
    const { type, position, epoch } = event;
    const job = this.#seen.get(`${runId} ${id}`);
    const what = `${type} at ${position}`;
    if (epoch !== null || type === "step_started")
      this.#report("S4", runId, `${what} of a background step by a driver`);
    if (job === undefined || job.owner === null) {
      this.#report("S4", runId, `${what} of a job that nobody had`);
      return;
    }
    const { attempt, delivery } = job;
    if (type === "step_completed" || type === "step_failed") {
      const isCurrent = event.data.attempt === attempt && event.data.delivery === delivery;
      if (!isCurrent) this.#report("S4", runId, `${what} is of another delivery than ${named(job)}`);
    } else if (type === "step_retrying" && event.data.attempt !== attempt + 1) {
      this.#report("S5", runId, `${what} does not follow ${named(job)}`);
    }
  }

  /** S3, S4: only a job that is ready, or whose worker is lost, is taken, and each time it is another delivery. */
  #judgeChange(before: StepJob, job: StepJob): void {
    if (job.attempt !== before.attempt) return;
    const { runId, owner } = job;
    const isTaken = owner !== null && (owner !== before.owner || job.delivery !== before.delivery);
    if (!isTaken) return;
    if (job.delivery !== before.delivery + 1) {
      this.#report("S4", runId, `${named(job)} was taken after ${named(before)}`);
    }
    const beat = this.#store.space.beats.get(before.owner ?? "");
    const leftMs = beat === undefined ? 0 : beat.at + beat.leaseMs - this.#store.now();
    if (before.owner !== null && leftMs > 0) {
      this.#report("S3", runId, `${named(job)} was taken from ${before.owner}, whose lease had ${leftMs} ms left`);
    }
    if (before.owner === null && this.#store.now() < job.readyAt) {
      this.#report("T1", runId, `${named(job)} was taken ${job.readyAt - this.#store.now()} ms early`);
    }
  }
}

const isStepFact = (event: LogEvent): event is StepFact =>
  event.type === "step_started" ||
  event.type === "step_completed" ||
  event.type === "step_failed" ||
  event.type === "step_retrying";

const named = ({ correlationId, attempt, delivery }: StepJob): string => `${correlationId} ${attempt}.${delivery}`;
