/**
 * Drives one claimed run: carries out the effects of its run machine and feeds the answers back. All I/O of a run is
 * here; every decision is the machine's.
 */
import { PerdureError, StoreError, sentenceOf } from "@perdure/errors";
import type { CreateRequest, World } from "@perdure/world";
import type { Env } from "../env.ts";
import type { ConsoleLine, DriveEnd, Effect, Fault, MachineInput, StepTask } from "../run/machine-io.ts";
import type { RunMachine } from "../run/run-machine.ts";
import type { StepOutcome } from "../run/step-outcome.ts";
import { retryPauseMs } from "./retry-pause.ts";

/** How many events are asked for in one read of a log. */
const readLimit = 5_000;

/** How long a drive steps aside for what ended a call from outside, in milliseconds. */
const laterMs = 100;

/** How often a creation is sent again while its outcome stays unknown. */
const createAttemptsMax = 10;

/** What a drive needs of its worker. */
export interface DriveHost {
  readonly world: World;
  readonly env: Env;
  /** Runs a step body when a slot is free; what `signal` gives aborts when the run no longer wants the result. */
  runStep(task: StepTask, signal: () => AbortSignal): Promise<StepOutcome>;
  print(lines: readonly ConsoleLine[]): void;
  /** The store failed, and is asked again. */
  storeFailed(error: StoreError): void;
}

export class Drive {
  readonly runId: string;
  readonly epoch: number;
  readonly machine: RunMachine;
  readonly ended: Promise<DriveEnd>;
  /** Resolves to the id of the run that a start led to: this one, or the one that holds its key. */
  readonly started: Promise<string>;
  readonly #host: DriveHost;
  /** Made when a body asks for its signal, since most never do. */
  #abort: AbortController | null = null;
  #isStarted = false;
  readonly #ended = Promise.withResolvers<DriveEnd>();
  readonly #started = Promise.withResolvers<string>();
  #cancelTimer: (() => void) | null = null;
  #sendAttempts = 0;
  #abandoned = false;

  constructor(host: DriveHost, machine: RunMachine, run: { readonly runId: string; readonly epoch: number }) {
    this.#host = host;
    this.machine = machine;
    this.runId = run.runId;
    this.epoch = run.epoch;
    this.ended = this.#ended.promise;
    this.started = this.#started.promise;
    this.started.catch(() => {});
  }

  /** Carry out the machine's first effects. */
  begin(effects: () => readonly Effect[]): void {
    this.#guarded(effects);
  }

  /** The store says that somebody else wrote to the log. */
  poke(tail: number): void {
    this.#input({ kind: "polled", tail });
  }

  /** Finish what runs, record it, and give the run back. */
  shutdown(): void {
    this.#input({ kind: "shutdown" });
  }

  /** Stop at once, without a word to the store: the claim runs out by itself. */
  abandon(): void {
    this.#finish({ kind: "fenced" });
  }

  #input(input: MachineInput): void {
    if (!this.#abandoned) this.#guarded(() => this.machine.input(input, this.#host.env.elapsed()));
  }

  /** A defect, or a log that cannot be read, parks the run; it never takes the worker down. */
  #guarded(step: () => readonly Effect[]): void {
    let effects: readonly Effect[];
    try {
      effects = step();
    } catch (error) {
      this.#parkDefect(error);
      return;
    }
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    const { world } = this.#host;
    switch (effect.kind) {
      case "create":
        this.#create(effect.request, effect.resend);
        break;
      case "started":
        this.#isStarted = true;
        this.#started.resolve(this.runId);
        break;
      case "append":
        this.#send(effect.resend, async () => ({
          kind: "appended",
          result: await world.log.append(this.runId, effect.request),
        }));
        break;
      case "read":
        if (effect.later === true) this.#host.env.setTimer(laterMs, () => this.#read(effect.after));
        else this.#read(effect.after);
        break;
      case "release":
        this.#ask(async () => ({ kind: "released", result: await world.claims.release(this.runId, effect.request) }));
        break;
      case "park":
        this.#ask(async () => ({
          kind: "parked",
          accepted: await world.park(this.runId, this.epoch, effect.parked),
        }));
        break;
      case "runStep":
        this.#runStep(effect.task);
        break;
      case "abortSteps":
        this.#abort?.abort();
        break;
      case "scheduleTurn":
        this.#host.env.defer(() => this.#input({ kind: "turn" }));
        break;
      case "setTimer":
        this.#setTimer(effect.delayMs);
        break;
      case "print":
        this.#host.print(effect.lines);
        break;
      case "end":
        this.#finish(effect.end);
        break;
    }
  }

  #read(after: number): void {
    this.#ask(async () => {
      const events = await this.#host.world.log.read(this.runId, { after, limit: readLimit });
      return { kind: "read", events, complete: events.length < readLimit };
    });
  }

  /** A creation answers to the caller of `start`: what the store certainly refused to do is told to it. */
  #create(request: CreateRequest, resend: boolean): void {
    this.#send(resend, async () => {
      try {
        return { kind: "created", result: await this.#host.world.runs.create(request) };
      } catch (error) {
        const unknown = StoreError.is(error) && error.outcome === "unknown";
        if (!unknown || this.#sendAttempts >= createAttemptsMax) {
          this.#started.reject(error);
          this.#finish({ kind: "fenced" });
        }
        throw error;
      }
    });
  }

  /** A write: when its answer is lost, the machine says what to send again. */
  #send(resend: boolean, call: () => Promise<MachineInput>): void {
    this.#sendAttempts = resend ? this.#sendAttempts + 1 : 0;
    const go = (): void => {
      if (this.#abandoned) return;
      call().then(
        (input) => this.#input(input),
        (error: unknown) => this.#storeFailed(error, () => this.#input({ kind: "unknownResult" })),
      );
    };
    if (resend) this.#later(this.#sendAttempts, go);
    else go();
  }

  /** A call that is safe to repeat. */
  #ask(call: () => Promise<MachineInput>, attempt = 1): void {
    call().then(
      (input) => this.#input(input),
      (error: unknown) =>
        this.#storeFailed(error, () => this.#later(attempt, () => this.#abandoned || this.#ask(call, attempt + 1))),
    );
  }

  #storeFailed(error: unknown, again: () => void): void {
    if (this.#abandoned) return;
    if (StoreError.is(error)) {
      if (error.code === "STORE_CLOSED") {
        this.#finish({ kind: "fenced" });
        return;
      }
      this.#host.storeFailed(error);
      again();
    } else {
      this.#parkDefect(error);
    }
  }

  #later(attempt: number, callback: () => void): void {
    const { env } = this.#host;
    env.setTimer(retryPauseMs(attempt, env.random()), callback);
  }

  #runStep(task: StepTask): void {
    const { correlationId, attempt, delivery } = task;
    this.#host
      .runStep(task, () => this.#signal())
      .then(
        (outcome) => {
          this.#input({ kind: "stepFinished", finished: { correlationId, attempt, delivery, outcome } });
        },
        (error: unknown) => this.#parkDefect(error),
      );
  }

  #signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#abandoned) this.#abort.abort();
    return this.#abort.signal;
  }

  #setTimer(delayMs: number | null): void {
    this.#cancelTimer?.();
    this.#cancelTimer =
      delayMs === null ? null : this.#host.env.setTimer(delayMs, () => this.#input({ kind: "timerDue" }));
  }

  /** L7: what cannot be read or cannot be is reported on the run, and the run is kept. */
  #parkDefect(error: unknown): void {
    if (this.#abandoned) return;
    const unreadable =
      error instanceof PerdureError && (error.code === "UNDECODABLE" || error.code === "UNKNOWN_EVENT");
    const reason = unreadable ? (error.code === "UNDECODABLE" ? "undecodable" : "unknown_event") : "defect";
    const detail = unreadable ? sentenceOf(error) : describeDefect(error);
    this.#abort?.abort();
    this.#setTimer(null);
    this.#abandoned = true;
    this.#started.reject(error);
    const { world } = this.#host;
    const position = error instanceof PerdureError ? (error.where?.position ?? null) : null;
    const fault: Fault = { reason, detail, position };
    world.park(this.runId, this.epoch, fault).then(
      (accepted) => this.#ended.resolve(accepted ? { kind: "parked", fault } : { kind: "fenced" }),
      () => this.#ended.resolve({ kind: "fenced" }),
    );
  }

  #finish(end: DriveEnd): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.#setTimer(null);
    if (end.kind === "existing") this.#started.resolve(end.runId);
    else if (!this.#isStarted) this.#started.reject(notStarted());
    if (end.kind !== "ended" && end.kind !== "released") this.#abort?.abort();
    this.#ended.resolve(end);
  }
}

const notStarted = (): StoreError =>
  new StoreError("STORE_CLOSED", "The worker was stopped or the world closed before the run was created.");

const describeDefect = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : "A value that is no error was thrown.";
