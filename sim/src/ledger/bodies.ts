/**
 * Which step bodies ran, where and when: what the outside world would have seen of the effects. Judged at the moment of each
 * start, against what the store holds then.
 */
import type { Env } from "@perdure/core";
import { getStepMetadata, getWorkflowMetadata } from "@perdure/core/simulation";
import { isDecisionType, type StepView } from "@perdure/world";
import type { ClaimWatch } from "../checkers/claim-watch.ts";
import type { Scheduler } from "../kernel/scheduler.ts";
import type { Trace } from "../kernel/trace.ts";
import type { Participant } from "../process/participant.ts";
import { answerOf, errorOf, type StepAnswer } from "../programs/step-bodies.ts";
import type { Network } from "../store/network.ts";
import type { SimStore } from "../store/sim-store.ts";
import type { Report } from "./violation.ts";

/** Where a body runs. */
export interface BodyHost extends Participant {
  readonly workerId: string;
  readonly env: Pick<Env, "setTimer">;
  /** The parameters of its steps, by their ids, where these are known. */
  readonly build?: { readonly shapes: ReadonlyMap<string, string> };
}

/** One start of a step body. */
export interface BodyRun {
  readonly runId: string;
  readonly correlationId: string;
  readonly name: string;
  readonly attempt: number;
  readonly delivery: number;
  readonly process: BodyHost;
  /** The tail of the log when it started, and the position that had allowed it. */
  readonly tail: number;
  readonly allowedAt: number;
  /** The claim that it was started for; null: the log does not say, or it is of a background step. */
  readonly epoch: number | null;
  /** The process held the claim when it started, and the step is its driver's. */
  readonly isOwned: boolean;
  isRunning: boolean;
}

export interface BodyParts {
  readonly scheduler: Scheduler;
  readonly store: SimStore;
  readonly network: Pick<Network, "pass">;
  readonly claims: ClaimWatch;
  readonly trace: Trace;
  readonly report: Report;
  /** Bodies take this many times as long as they say; default: 1. */
  readonly slowness?: number;
  /** What a body answers; default: what the steps of generated programs do. */
  readonly answer?: (body: BodyRun, args: readonly unknown[]) => StepAnswer;
}

export class Bodies {
  readonly runs: BodyRun[] = [];
  readonly #parts: BodyParts;
  /** By step: those that run now. */
  readonly #running = new Map<string, Set<BodyRun>>();

  constructor(parts: BodyParts) {
    this.#parts = parts;
  }

  /** The body of a step: takes its time, and answers as the program's steps do. */
  async run(process: BodyHost, name: string, args: readonly unknown[]): Promise<unknown> {
    const never = new Promise<never>(() => {});
    if (!process.isAlive) return await never;
    const { network } = this.#parts;
    const body = this.#begin(process, name);
    network.pass("step:begin", process);
    if (!process.isAlive) return await never;
    const { answer: answerTo = answerToGenerated, slowness = 1 } = this.#parts;
    const answer = answerTo(body, args);
    const ms = answer.latencyMs * slowness;
    if (ms > 0) await new Promise<void>((resolve) => process.env.setTimer(ms, resolve));
    network.pass("step:end", process);
    if (!process.isAlive) return await never;
    this.#end(body);
    if (answer.kind === "value") return answer.value;
    throw errorOf(answer);
  }

  /** D4: what was decided before the step that a body is of was written before the body started. */
  judgeAtEnd(): void {
    const { store, report } = this.#parts;
    for (const { runId, tail, allowedAt, isOwned, name, correlationId } of this.runs) {
      if (!isOwned) continue;
      const later = store
        .run(runId)
        ?.events.slice(tail)
        .find((event) => isDecisionType(event.type) && (event.cause ?? 0) < allowedAt);
      if (later === undefined) continue;
      const what = `${name} ${correlationId} started at tail ${tail}`;
      report(
        "D4",
        runId,
        `${what}, and the ${later.type} at ${later.position} that was decided before was not written`,
      );
    }
  }

  /** Bodies that run in a process that lives. */
  countRunning(): number {
    let count = 0;
    for (const bodies of this.#running.values()) {
      for (const body of bodies) if (body.process.isAlive) count += 1;
    }
    return count;
  }

  #begin(process: BodyHost, name: string): BodyRun {
    const { stepId: correlationId, attempt, delivery } = getStepMetadata();
    const { workflowRunId: runId } = getWorkflowMetadata();
    const stored = this.#parts.store.run(runId);
    const allowing = stored?.events.findLast((event) => event.correlationId === correlationId);
    const place = { tail: stored?.run.tail ?? 0, allowedAt: allowing?.position ?? 0 };
    const step = stored?.view.entityOf("step", correlationId);
    const isInline = step?.dispatch === "inline";
    const isOwned = isInline && stored?.run.owner === process.workerId;
    const isCurrent = isInline && step.attempt === attempt && step.delivery === delivery;
    const epoch = isCurrent ? step.epoch : null;
    const body = { runId, correlationId, name, attempt, delivery, process, ...place, epoch, isOwned, isRunning: true };
    const { trace, scheduler } = this.#parts;
    trace.add(scheduler.now, process.name, `body ${name} ${correlationId} attempt ${attempt} delivery ${delivery}`);
    this.#judge(body);
    this.runs.push(body);
    this.#parts.claims.bodyBegan(body);
    const running = this.#running.get(correlationId) ?? new Set();
    this.#running.set(correlationId, running.add(body));
    return body;
  }

  #end(body: BodyRun): void {
    body.isRunning = false;
    this.#parts.claims.bodyEnded(body);
    this.#running.get(body.correlationId)?.delete(body);
  }

  /** D1, S2, S3, S5, T1: a process that holds the claim starts only what the log allows, and only once. */
  #judge(body: BodyRun): void {
    const { store, report } = this.#parts;
    const { runId, correlationId, attempt, delivery, name, process } = body;
    const stored = store.run(runId);
    const step = stored?.view.entityOf("step", correlationId);
    const what = `${name} ${correlationId}, attempt ${attempt}, delivery ${delivery}, on ${process.name}`;
    if (stored === undefined || step === undefined) {
      report("S5", runId, `a body started before its step was recorded: ${what}`);
      return;
    }
    if (attempt > step.attempt) report("S5", runId, `a body started before its attempt was recorded: ${what}`);
    this.#judgeShape(body, what);
    const again = this.runs.find((it) => it.correlationId === correlationId && isSameStart(it, body));
    if (again !== undefined)
      report("S3", runId, `one delivery started twice: ${what}, before on ${again.process.name}`);
    // A store clock that was never set back is the one that its workers count by.
    if (store.skewMs === 0 && step.retryAt !== null && attempt === step.attempt && store.now() < step.retryAt) {
      report("T1", runId, `a retry started ${step.retryAt - store.now()} ms early: ${what}`);
    }
    if (step.dispatch === "background") this.#judgeOfJob(body, what);
    else this.#judgeOfDriver(body, step, what);
  }

  /** S5: a body of a background step is of a delivery that its job has had. Which that may be now, `job-watch.ts` judges. */
  #judgeOfJob({ runId, correlationId, attempt, delivery }: BodyRun, what: string): void {
    const { store, report } = this.#parts;
    const job = store.space.jobs.get(runId, correlationId);
    const isUntaken = delivery < 1 || (job?.attempt === attempt && delivery > job.delivery);
    if (isUntaken) report("S5", runId, `a body started that no worker had taken: ${what}`);
  }

  #judgeOfDriver(body: BodyRun, step: StepView, what: string): void {
    const { store, report, claims } = this.#parts;
    const { runId, attempt, delivery, process } = body;
    if (attempt === step.attempt && delivery > step.delivery) {
      report("S5", runId, `a body started before its delivery was recorded: ${what}`);
    }
    if (claims.knowsOfFence(process.name, runId)) {
      report("D1", runId, `a body started although its process knew that the claim was gone: ${what}`);
    }
    if (body.epoch !== null && body.epoch < claims.newestClaim(process.name, runId)) {
      report(
        "D1",
        runId,
        `a body started for epoch ${body.epoch}, after its process had claimed the run anew: ${what}`,
      );
    }
    const run = store.run(runId)?.run;
    // Who was taken over while it could not know, or has not heard of its own newer claim, may start what it was allowed to.
    if (run?.owner !== process.workerId || !claims.knowsOfClaim(process.name, run)) return;
    if (step.state === "done") report("S2", runId, `a step that has its result was started again: ${what}`);
    else if (attempt !== step.attempt || delivery !== step.delivery) {
      report("S5", runId, `a body of another attempt started (the log has ${step.attempt}.${step.delivery}): ${what}`);
    }
  }

  /** V1: a body gets the arguments of a call only where it has the parameters that the call was made for. */
  #judgeShape({ runId, correlationId, process }: BodyRun, what: string): void {
    const events = this.#parts.store.run(runId)?.events ?? [];
    const call = events.find((event) => event.type === "step_created" && event.correlationId === correlationId);
    if (call?.type !== "step_created") return;
    const { stepId, shape } = call.data;
    const own = process.build?.shapes.get(stepId) ?? shape;
    if (shape !== null && own !== shape) {
      this.#parts.report("V1", runId, `a body that takes ${own} started for a call of ${shape}: ${what}`);
    }
  }
}

const answerToGenerated = ({ name, attempt }: BodyRun, args: readonly unknown[]): StepAnswer =>
  answerOf(name, args, attempt);

const isSameStart = (a: BodyRun, b: BodyRun): boolean => a.attempt === b.attempt && a.delivery === b.delivery;
