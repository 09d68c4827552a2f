/**
 * Which step bodies ran, where and when: what the outside world would have seen of the effects. Judged at the moment of each
 * start, against what the store holds then.
 */
import type { Env } from "@perdure/core";
import { getStepMetadata, getWorkflowMetadata } from "@perdure/core/simulation";
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
}

/** One start of a step body. */
export interface BodyRun {
  readonly runId: string;
  readonly correlationId: string;
  readonly name: string;
  readonly attempt: number;
  readonly delivery: number;
  readonly process: BodyHost;
  isRunning: boolean;
}

export interface BodyParts {
  readonly scheduler: Scheduler;
  readonly store: SimStore;
  readonly network: Pick<Network, "pass">;
  readonly trace: Trace;
  readonly report: Report;
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
    const { answer: answerTo = answerToGenerated } = this.#parts;
    const answer = answerTo(body, args);
    if (answer.latencyMs > 0) await new Promise<void>((resolve) => process.env.setTimer(answer.latencyMs, resolve));
    network.pass("step:end", process);
    if (!process.isAlive) return await never;
    this.#end(body);
    if (answer.kind === "value") return answer.value;
    throw errorOf(answer);
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
    const body = { runId, correlationId, name, attempt, delivery, process, isRunning: true };
    const { trace, scheduler } = this.#parts;
    trace.add(scheduler.now, process.name, `body ${name} ${correlationId} attempt ${attempt} delivery ${delivery}`);
    this.#judge(body);
    this.runs.push(body);
    const running = this.#running.get(correlationId) ?? new Set();
    this.#running.set(correlationId, running.add(body));
    return body;
  }

  #end(body: BodyRun): void {
    body.isRunning = false;
    this.#running.get(body.correlationId)?.delete(body);
  }

  /** S2, S3, S5: a process that holds the claim starts only what the log allows, and only once. */
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
    if (attempt > step.attempt || (attempt === step.attempt && delivery > step.delivery)) {
      report("S5", runId, `a body started before its attempt was recorded: ${what}`);
    }
    // Who was taken over while it could not know may start what it was allowed to: at least once.
    if (stored.run.owner !== process.workerId) return;
    if (step.state === "done") report("S2", runId, `a step that has its result was started again: ${what}`);
    else if (attempt !== step.attempt || delivery !== step.delivery) {
      report("S5", runId, `a body of another attempt started (the log has ${step.attempt}.${step.delivery}): ${what}`);
    }
    for (const other of this.#running.get(correlationId) ?? []) {
      if (other.process === process && process.isAlive && other.attempt === attempt && other.delivery === delivery) {
        report("S3", runId, `the same attempt runs twice in one process: ${what}`);
      }
    }
  }
}

const answerToGenerated = ({ name, attempt }: BodyRun, args: readonly unknown[]): StepAnswer =>
  answerOf(name, args, attempt);
