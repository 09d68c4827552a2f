/**
 * Runs the bodies of background steps, whoever drives their runs: takes jobs, executes them in the worker's slots, and
 * reports what came of them.
 *
 *  B1  Jobs are taken only while the worker's heartbeat is in time, of steps that are registered here, and never more than
 *      there are free slots, in the worker and in the queue of the step.
 *  B2  What the store says that this worker has, and that it does not know of, is given back. A body whose job the store
 *      does not show any more is aborted: its run has ended, or the job is another worker's.
 *  B3  A result is sent until the store has answered. A refusal says that nobody wants it any more.
 *  B4  `stop` takes nothing more and gives back what has not begun; what runs is recorded.
 */
import { StoreError } from "@perdure/errors";
import type { ClaimedJob, ExecutorAppend, JobDelivery, StepJob, World } from "@perdure/world";
import type { Env } from "../env.ts";
import type { Fault, StepTask } from "../run/machine-io.ts";
import { deliveriesMax } from "../run/retry-policy.ts";
import { parkReasons, type StepOutcome, wasNotStarted } from "../run/step-outcome.ts";
import type { StoreClock } from "../run/store-clock.ts";
import { resultFact } from "../run/turn-facts.ts";
import { executeStep } from "../step/execute.ts";
import { dispatchOf, queueOf, registeredSteps } from "../step/registry.ts";
import type { StepSlots } from "../step/step-slots.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { encodeLostError } from "./lost-step.ts";
import { untilLoss } from "./next-look.ts";
import { retryPauseMs } from "./retry-pause.ts";
import { stepContext } from "./step-scope.ts";

/** What the execution of background steps needs of its worker. */
export interface BackgroundParts {
  readonly workerId: string;
  readonly world: World;
  readonly env: Env;
  readonly heartbeat: Pick<Heartbeat, "alive">;
  readonly slots: StepSlots;
  readonly clock: StoreClock;
  readonly sweepMs: number;
  /** Tells of a failure of the store, once in a while. */
  readonly tell: (error: unknown) => void;
  readonly reportParked: (runId: string, fault: Fault) => void;
}

/** One claim takes at most this many jobs, so that workers share what is ready. */
const jobBatch = 50;

/** A process without a background step looks for what other builds have left once in so many sweeps. */
const idleSweeps = 10;

/** Jobs that are ready, and that others are just taking, are looked for again after this many milliseconds. */
const takenPauseMs = 50;

/** A job that this worker has taken. */
interface Body {
  readonly claimed: ClaimedJob;
  /** Made when the body asks for its signal, since most never do. */
  abort: AbortController | null;
  isUnwanted: boolean;
  hasBegun: boolean;
}

export class BackgroundSteps {
  readonly #parts: BackgroundParts;
  readonly #bodies = new Map<string, Body>();
  /** Jobs that do not fit or cannot be read here: nobody else is to try as long as their runs are parked. */
  readonly #unfit = new Set<string>();
  #looking = false;
  #lookAgain = false;
  /** When the store was last asked what this worker has; -infinity: it is to be asked. */
  #heldAskedAt: number;
  #wantsRoom = false;
  /** Which queue is asked for first. */
  #turn = 0;
  #stopping = false;
  #cancelTimer: (() => void) | null = null;
  #releaseHold: (() => void) | null = null;
  #idle: (() => void)[] = [];

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
    this.#heldAskedAt = parts.env.elapsed();
  }

  /** Begin to take jobs. */
  begin(): void {
    this.#lookSoon();
  }

  /** Something may be ready, or not wanted any more. `runId` null: of any run. */
  hinted(runId: string | null): void {
    const concerns = [...this.#bodies.values()].some(({ claimed }) => runId === null || claimed.job.runId === runId);
    if (concerns) this.#heldAskedAt = Number.NEGATIVE_INFINITY;
    if (concerns || hasBackgroundStep()) this.#lookSoon();
  }

  /** Resolves when everything that had begun is recorded, or was abandoned. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelTimer?.();
    for (const [key, body] of [...this.#bodies]) if (!body.hasBegun) this.#giveBack(key, body);
    if (this.#bodies.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Take and record nothing more: the jobs are anybody's once the worker is retired. */
  abandon(): void {
    this.#stopping = true;
    this.#cancelTimer?.();
    for (const [key, body] of [...this.#bodies]) {
      this.#abort(body);
      this.#forget(key, body);
    }
  }

  /** One look runs at a time; whoever asks meanwhile gets another one after it. */
  #lookSoon(): void {
    if (this.#stopping) return;
    if (this.#looking) {
      this.#lookAgain = true;
      return;
    }
    this.#looking = true;
    this.#parts.env.defer(() => void this.#look());
  }

  async #look(): Promise<void> {
    const { env, sweepMs, tell } = this.#parts;
    let pauseMs = hasBackgroundStep() || this.#bodies.size > 0 ? sweepMs : sweepMs * idleSweeps;
    try {
      await this.#compareHeld();
      pauseMs = Math.min(pauseMs, await this.#claim());
    } catch (error) {
      this.#heldAskedAt = Number.NEGATIVE_INFINITY;
      pauseMs = Math.min(pauseMs, sweepMs);
      tell(error);
    }
    this.#looking = false;
    if (this.#stopping) return;
    this.#cancelTimer?.();
    this.#cancelTimer = env.setTimer(pauseMs, () => this.#lookSoon());
    if (this.#lookAgain) {
      this.#lookAgain = false;
      this.#lookSoon();
    }
  }

  /** Takes what is ready; gives the time after which it is worth to look again. The queues take turns to be the first. */
  async #claim(): Promise<number> {
    const { slots } = this.#parts;
    const queues = [...Map.groupBy(registeredSteps(), (stepId) => slots.limited(queueOf(stepId)))];
    this.#wantsRoom = false;
    this.#turn += 1;
    let pauseMs = Number.POSITIVE_INFINITY;
    for (let index = 0; index < queues.length; index += 1) {
      const next = queues[(index + this.#turn) % queues.length];
      if (next !== undefined) pauseMs = Math.min(pauseMs, await this.#claimOf(...next));
    }
    return pauseMs;
  }

  /** `queue`: null: of none that is limited. */
  async #claimOf(queue: string | null, steps: readonly string[]): Promise<number> {
    const { world, env, heartbeat, slots, clock, workerId, sweepMs } = this.#parts;
    const max = Math.min(jobBatch, slots.freeCount(queue));
    this.#wantsRoom ||= max <= 0;
    if (this.#stopping || max <= 0 || !heartbeat.alive()) return Number.POSITIVE_INFINITY;
    const { jobs, storeNow, nextReadyAt, nextLossAt } = await world.steps.claim({ workerId, steps, max });
    clock.observe(storeNow, env.elapsed());
    for (const claimed of jobs) this.#take(claimed);
    if (jobs.length === max) {
      const isFull = slots.freeCount(queue) <= 0;
      this.#wantsRoom ||= isFull;
      return isFull ? Number.POSITIVE_INFINITY : 0;
    }
    const lossMs = untilLoss({ nextLossAt, storeNow }, sweepMs, () => env.random());
    return nextReadyAt === null ? lossMs : Math.min(lossMs, Math.max(takenPauseMs, nextReadyAt - storeNow));
  }

  /** B2. Called between two claims, so that no claim is under way. */
  async #compareHeld(): Promise<void> {
    const { world, env, workerId, sweepMs } = this.#parts;
    const mayWait = this.#bodies.size > 0 ? sweepMs : sweepMs * idleSweeps;
    if (env.elapsed() - this.#heldAskedAt < mayWait) return;
    this.#heldAskedAt = env.elapsed();
    const before = [...this.#bodies];
    const held = new Map((await world.steps.held(workerId)).map((job) => [keyOf(job), job]));
    for (const [key, body] of before) {
      const job = held.get(key);
      if (job === undefined || !isSame(job, body.claimed.job)) this.#abort(body);
    }
    for (const [key, job] of held) {
      if (this.#stopping || (this.#unfit.has(key) && (await this.#isParked(job)))) continue;
      this.#unfit.delete(key);
      const known = this.#bodies.get(key);
      if (known === undefined || !isSame(job, known.claimed.job)) {
        await world.steps.release(workerId, job.runId, deliveryOf(job));
      }
    }
  }

  async #isParked({ runId }: StepJob): Promise<boolean> {
    return (await this.#parts.world.runs.get(runId))?.parked != null;
  }

  #take(claimed: ClaimedJob): void {
    const key = keyOf(claimed.job);
    const body: Body = { claimed, abort: null, isUnwanted: false, hasBegun: false };
    const before = this.#bodies.get(key);
    if (before !== undefined) this.#abort(before);
    this.#bodies.set(key, body);
    if (this.#stopping) {
      this.#giveBack(key, body);
      return;
    }
    this.#releaseHold ??= this.#parts.env.hold();
    const queue = queueOf(claimed.job.stepId);
    this.#parts.slots.submit({ runId: key, queue }, (done) => void this.#run(key, body, done));
  }

  async #run(key: string, body: Body, done: () => void): Promise<void> {
    body.hasBegun = true;
    const outcome = this.#bodies.get(key) === body ? await this.#execute(body) : null;
    done();
    if (outcome !== null && this.#bodies.get(key) === body) await this.#settle(key, body, outcome);
    this.#forget(key, body);
    if (this.#wantsRoom) this.#lookSoon();
  }

  async #execute(body: Body): Promise<StepOutcome> {
    const { env, world } = this.#parts;
    const { job, created, run } = body.claimed;
    const { runId, correlationId, attempt, delivery } = job;
    if (delivery > deliveriesMax) {
      return { kind: "failed", code: "STEP_LOST", payload: encodeLostError(created, delivery - 1) };
    }
    const workflow = { name: run.workflowName, startedAt: run.startedAt ?? 0 };
    const task: StepTask = { created, correlationId, attempt, delivery, workflow };
    const signal = (): AbortSignal => signalOf(body);
    return executeStep(task, stepContext({ runId, task, signal, now: env.now() }), env, world.transactions);
  }

  async #settle(key: string, body: Body, outcome: StepOutcome): Promise<void> {
    const { world, workerId, tell } = this.#parts;
    const { job, created } = body.claimed;
    if (outcome.kind === "completed" || outcome.kind === "failed" || outcome.kind === "retrying") {
      await this.#report(key, body, outcome);
      return;
    }
    // The store has what a transaction came to.
    if (!wasNotStarted(outcome)) return;
    try {
      if (outcome.kind === "unregistered") await world.steps.release(workerId, job.runId, deliveryOf(job));
      else {
        const reason = parkReasons[outcome.kind];
        await this.#parkUnfit(job, { reason, detail: outcome.detail, position: created.position });
      }
    } catch (error) {
      this.#heldAskedAt = Number.NEGATIVE_INFINITY;
      tell(error);
    }
  }

  /** L7: what cannot be run here is reported on the run, and the run is kept. */
  async #parkUnfit(job: StepJob, fault: Fault): Promise<void> {
    const { world, reportParked } = this.#parts;
    this.#unfit.add(keyOf(job));
    const run = await world.runs.get(job.runId);
    if (run !== null && (await world.park(job.runId, run.epoch, fault))) reportParked(job.runId, fault);
  }

  /** B3 */
  async #report(key: string, body: Body, outcome: StepOutcome): Promise<void> {
    const { world, env, clock, tell } = this.#parts;
    const { runId, correlationId, attempt, delivery } = body.claimed.job;
    const storeNow = clock.estimate(env.elapsed());
    const fact = resultFact({ correlationId, attempt, delivery, outcome }, storeNow);
    const request = {
      by: "executor",
      key: `job/${correlationId}/${attempt}/${delivery}`,
      attempt,
      delivery,
      fact: { ...fact, at: null } as ExecutorAppend["fact"],
    } as const;
    for (let tries = 1; this.#bodies.get(key) === body; tries += 1) {
      try {
        await world.log.append(runId, request);
        return;
      } catch (error) {
        tell(error);
        if (!StoreError.is(error) || error.code === "STORE_CLOSED") return;
        await new Promise<void>((resolve) => env.setTimer(retryPauseMs(tries, env.random()), resolve));
      }
    }
  }

  #giveBack(key: string, body: Body): void {
    const { world, slots, workerId, tell } = this.#parts;
    const { job } = body.claimed;
    slots.drop(key);
    this.#forget(key, body);
    world.steps.release(workerId, job.runId, deliveryOf(job)).catch(tell);
  }

  #abort(body: Body): void {
    body.isUnwanted = true;
    body.abort?.abort();
  }

  #forget(key: string, body: Body): void {
    if (this.#bodies.get(key) === body) this.#bodies.delete(key);
    if (this.#bodies.size > 0) return;
    this.#releaseHold?.();
    this.#releaseHold = null;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function signalOf(body: Body): AbortSignal {
  body.abort ??= new AbortController();
  if (body.isUnwanted) body.abort.abort();
  return body.abort.signal;
}

const keyOf = ({ runId, correlationId }: StepJob): string => `${runId}/${correlationId}`;

const deliveryOf = ({ correlationId, attempt, delivery }: StepJob): JobDelivery => ({
  correlationId,
  attempt,
  delivery,
});

const isSame = (a: JobDelivery, b: JobDelivery): boolean => a.attempt === b.attempt && a.delivery === b.delivery;

const hasBackgroundStep = (): boolean => registeredSteps().some((stepId) => dispatchOf(stepId) === "background");
