/**
 * The driver of one run as a sans-I/O state machine: inputs in, effects out. No clock, no store, no promise.
 *
 * Owns: the execution while the run is claimed, the log position, which step bodies run, the results that are not in
 * the log yet, the order of appends. Does not own: the store, the timers, the step bodies; `drive.ts` does those.
 *
 *  M1  One request to the store is in flight at a time (`state`).
 *  M2  A body is dispatched only after the event that allows it was acknowledged, and only when nothing that was
 *      planned before it is still unwritten (D4).
 *  M3  A result leaves `results` only when its event has come back from the log, so a turn can be dropped and retaken.
 *  M4  Facts delivered before they are durable are written with `ifTail`; if the tail has moved, the execution is
 *      thrown away and rebuilt from the log, and facts go first, alone, until a turn was quiet (the safe path).
 *  M5  When it is closing (shutdown, or a fault that parks the run) nothing new starts; results of running bodies are
 *      still recorded, as facts, and decide nothing.
 */
import { assertNever, InvariantError, invariant } from "@perdure/errors";
import type {
  AppendResult,
  CreateRequest,
  CreateResult,
  DriverAppend,
  LogEvent,
  NewDecision,
  NewFact,
} from "@perdure/world";
import { isEnded, isReadableSpec, specVersion } from "@perdure/world";
import { type EagerRequest, eagerCreateRequest, provisionalCreation } from "./eager-start.ts";
import type {
  DriveEnd,
  Effect,
  Fault,
  MachineInput,
  OpenExecution,
  RunExecution,
  SpeculativeFact,
  StepFinished,
} from "./machine-io.ts";
import { OpenWork } from "./open-work.ts";
import { planRelease } from "./release-plan.ts";
import type { StoreClock } from "./store-clock.ts";
import { factsAtHand, resultFact } from "./turn-facts.ts";

/** What a machine is told once. */
export interface MachineSetup {
  readonly runId: string;
  readonly worker: string;
  readonly epoch: number;
  readonly clock: StoreClock;
  readonly open: OpenExecution;
  readonly encodeLostError: (call: LogEvent<"step_created">, deliveries: number) => Uint8Array;
  /** `replay`: throw the execution away after every turn and rebuild it from the log. */
  readonly mode: "resident" | "replay";
  readonly compareAndAppend: boolean;
  readonly maxEventsPerAppend: number;
  /** Keep the claim when the next timer is at most this far away; give the run back otherwise. */
  readonly holdMs: number;
}

/** An execution that outlived its claim, and the work that it had open. */
export interface Residence {
  readonly execution: RunExecution;
  readonly work: OpenWork;
}

type State =
  | { readonly kind: "fresh" }
  | { readonly kind: "creating"; readonly request: EagerRequest; readonly sent: Effect & { kind: "create" } }
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "appending"; readonly request: DriverAppend; readonly speculative: boolean }
  | { readonly kind: "releasing" }
  | { readonly kind: "parking"; readonly fault: Fault }
  | { readonly kind: "done"; readonly end: DriveEnd };

type Closing = { readonly kind: "shutdown" } | { readonly kind: "park"; readonly fault: Fault };

export class RunMachine {
  readonly #setup: MachineSetup;
  #state: State = { kind: "fresh" };
  #closing: Closing | null = null;
  #execution: RunExecution | null = null;
  #work = new OpenWork();
  #tail = 0;
  #n = 0;
  /** The whole log, kept only where every turn replays it. */
  readonly #log: LogEvent[] = [];
  /** Step calls and restarts of this claim whose bodies have not been dispatched. */
  #undispatched: LogEvent[] = [];
  readonly #running = new Map<string, { readonly attempt: number; readonly delivery: number }>();
  readonly #results = new Map<string, StepFinished>();
  #safe: boolean;
  #alone = false;
  #turnScheduled = false;

  constructor(setup: MachineSetup) {
    this.#setup = setup;
    this.#safe = !setup.compareAndAppend;
  }

  /** Position of the last event that the driver holds. */
  get tail(): number {
    return this.#tail;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Take up a claimed run, with the execution that an earlier claim left in this process, if there is one. */
  claimed(residence: Residence | null): readonly Effect[] {
    invariant(this.#state.kind === "fresh", "a machine takes one run up");
    if (residence !== null) {
      this.#execution = residence.execution;
      this.#work = residence.work;
      this.#tail = residence.execution.consumed;
    }
    this.#state = { kind: "loading" };
    return [{ kind: "read", after: this.#tail }];
  }

  /** Create a run: its first turn is taken before anything is written. */
  start(request: EagerRequest, now: number): readonly Effect[] {
    invariant(this.#state.kind === "fresh", "a machine takes one run up");
    return this.#create(request, now);
  }

  /** What may stay in memory after `end: released`; null when nothing may. */
  takeResidence(): Residence | null {
    const execution = this.#execution;
    this.#execution = null;
    if (execution === null) return null;
    const released = this.#state.kind === "done" && this.#state.end.kind === "released";
    if (
      released &&
      !execution.dead &&
      this.#closing === null &&
      this.#setup.mode === "resident" &&
      !isEnded(execution.view.status)
    ) {
      return { execution, work: this.#work };
    }
    execution.dispose();
    return null;
  }

  /** The one door through which the machine changes. */
  input(input: MachineInput, now: number): readonly Effect[] {
    if (this.#state.kind === "done") return [];
    switch (input.kind) {
      case "created":
        return this.#onCreated(input.result, now);
      case "read":
        return this.#onRead(input.events, input.complete, now);
      case "appended":
        return this.#onAppended(input.result, now);
      case "unknownResult":
        return this.#onUnknown();
      case "stepFinished":
        return this.#onStepFinished(input.finished);
      case "turn":
        this.#turnScheduled = false;
        return this.#state.kind === "ready" ? this.#settle(now) : [];
      case "timerDue":
        return this.#state.kind === "ready" ? this.#settle(now) : [];
      case "polled":
        return this.#onPolled(input.tail);
      case "released":
        return this.#onReleased(input.result);
      case "parked":
        return this.#onParked(input.accepted);
      case "shutdown":
        return this.#close({ kind: "shutdown" }, now);
      default:
        return assertNever(input, "machine input");
    }
  }

  // Requests to the store and their answers

  #create(request: EagerRequest, now: number): readonly Effect[] {
    const at = this.#setup.clock.estimate(now);
    const created = provisionalCreation(request, at);
    this.#execution = this.#setup.open(created, { alone: this.#alone });
    const started: SpeculativeFact = {
      type: "run_started",
      correlationId: null,
      at,
      position: 2,
      data: {},
      payload: null,
    };
    const fault = this.#execution.deliver([started]);
    if (fault !== null) return this.#startWithoutFirstTurn(request);
    const decisions = this.#execution.planned().slice(0, this.#setup.maxEventsPerAppend - 2);
    const release = this.#releaseWith(decisions, [], at);
    const sent = eagerCreateRequest(request, {
      runId: this.#setup.runId,
      worker: this.#setup.worker,
      at,
      decisions,
      release,
    });
    const effect: Effect & { kind: "create" } = { kind: "create", request: sent, resend: false };
    this.#state = { kind: "creating", request, sent: effect };
    this.#n = 1;
    return [effect];
  }

  /** The first turn cannot be taken here and now: record the run as a client would, and let a claim find out why. */
  #startWithoutFirstTurn(request: EagerRequest): readonly Effect[] {
    this.#dropExecution();
    const sent = { runId: this.#setup.runId, created: request.created, input: request.input, eager: null };
    const effect: Effect & { kind: "create" } = { kind: "create", request: sent, resend: false };
    this.#state = { kind: "creating", request, sent: effect };
    return [effect];
  }

  #onCreated(result: CreateResult, now: number): readonly Effect[] {
    const state = this.#expect("creating");
    if (result.kind === "existing") return this.#end({ kind: "existing", runId: result.run.runId });
    if (result.kind === "refused") {
      invariant(result.reason.kind === "clock", `a creation was refused: ${JSON.stringify(result.reason)}`);
      this.#setup.clock.observe(result.reason.storeNow, now);
      this.#dropExecution();
      return this.#create(state.request, now);
    }
    return [{ kind: "started" }, ...this.#onStarted(state.sent.request, result, now)];
  }

  #onStarted(
    request: CreateRequest,
    result: Extract<CreateResult, { readonly kind: "created" }>,
    now: number,
  ): readonly Effect[] {
    this.#setup.clock.observe(result.storeNow, now);
    if (request.eager === null) return this.#end({ kind: "released" });
    if (!result.released && (result.run.owner !== this.#setup.worker || result.run.epoch !== this.#setup.epoch)) {
      return isEnded(result.run.status) ? this.#end({ kind: "ended" }) : this.#end({ kind: "fenced" });
    }
    return this.#acknowledged(result.events, result.released, now);
  }

  #onRead(events: readonly LogEvent[], complete: boolean, now: number): readonly Effect[] {
    this.#expect("loading");
    const fault = this.#consume(events);
    if (fault !== null) return this.#fault(fault, now);
    if (!complete) return [{ kind: "read", after: this.#tail }];
    this.#state = { kind: "ready" };
    this.#execution?.takeConsole();
    return this.#settle(now);
  }

  #onAppended(result: AppendResult, now: number): readonly Effect[] {
    const { request, speculative } = this.#expect("appending");
    switch (result.kind) {
      case "appended":
        this.#setup.clock.observe(result.storeNow, now);
        if (speculative) this.#safe = !this.#setup.compareAndAppend;
        return this.#acknowledged(result.events, result.released, now);
      case "moved":
        this.#setup.clock.observe(result.storeNow, now);
        this.#safe = true;
        return this.#rebuild();
      case "fenced":
        return this.#end({ kind: "fenced" });
      case "refused": {
        const { reason } = result;
        if (reason.kind === "terminal") return this.#end({ kind: "ended" });
        if (reason.kind === "entity") this.#dropFact(request, reason.index, reason.rule);
        else this.#setup.clock.observe(reason.storeNow, now);
        return this.#rebuild();
      }
      default:
        return assertNever(result, "append result");
    }
  }

  #onUnknown(): readonly Effect[] {
    const state = this.#state;
    if (state.kind === "creating") return [{ ...state.sent, resend: true }];
    if (state.kind === "appending") return [{ kind: "append", request: state.request, resend: true }];
    throw new InvariantError(`an unknown result does not fit the state ${state.kind}`);
  }

  #acknowledged(events: readonly LogEvent[], released: boolean, now: number): readonly Effect[] {
    const fresh = events.filter((event) => event.position > this.#tail);
    const fault = this.#consume(fresh);
    const lines = this.#closing === null ? (this.#execution?.takeConsole() ?? []) : [];
    const effects: Effect[] = lines.length > 0 ? [{ kind: "print", lines }] : [];
    const last = fresh.at(-1);
    if (last !== undefined && this.#isTerminal(last)) return [...effects, ...this.#end({ kind: "ended" })];
    if (released) return [...effects, ...this.#end({ kind: "released" })];
    if (fault !== null) return [...effects, ...this.#fault(fault, now)];
    this.#state = { kind: "ready" };
    return [...effects, ...this.#settle(now)];
  }

  #isTerminal(event: LogEvent): boolean {
    return event.type === "run_completed" || event.type === "run_failed" || event.type === "run_cancelled";
  }

  /** A fact that the store will never take (M3 keeps it otherwise). A refused decision is a defect. */
  #dropFact(request: DriverAppend, index: number, rule: string): void {
    const fact = request.facts[index];
    invariant(fact !== undefined, `the store refused a decision of ${this.#setup.runId}: ${rule}`);
    if (fact.correlationId !== null) this.#results.delete(fact.correlationId);
  }

  // Holding the log

  /** Move over events of the log: the execution, the open work, what is to be dispatched. */
  #consume(events: readonly LogEvent[]): Fault | null {
    for (const event of events) {
      this.#tail = event.position;
      this.#work.apply(event);
      this.#remember(event);
    }
    if (this.#setup.mode === "replay") this.#log.push(...events);
    if (this.#closing !== null) return null;
    return this.#feed(events);
  }

  #remember(event: LogEvent): void {
    const { correlationId } = event;
    if (correlationId === null) return;
    if (event.epoch === this.#setup.epoch && (event.type === "step_created" || event.type === "step_started")) {
      this.#undispatched.push(event);
    }
    if (event.type === "step_completed" || event.type === "step_failed" || event.type === "step_retrying") {
      this.#results.delete(correlationId);
    }
  }

  #feed(events: readonly LogEvent[]): Fault | null {
    const execution = this.#execution;
    if (execution?.dead === true) return null;
    if (execution !== null) return execution.consume(events.filter((event) => event.position > execution.consumed));
    const [created, ...rest] = events;
    if (created === undefined) return null;
    invariant(created.type === "run_created", `the log of ${this.#setup.runId} starts with ${created.type}`);
    if (!isReadableSpec(created.data.specVersion)) {
      const detail = `The run was written by version ${created.data.specVersion} of the log's format; this process reads up to ${specVersion}.`;
      return { reason: "unknown_event", detail, position: 1 };
    }
    this.#execution = this.#setup.open(created, { alone: this.#alone });
    return this.#execution.consume(rest);
  }

  /** Throw the execution and its speculation away, and take the log up again from its start (M4). */
  #rebuild({ keepLog } = { keepLog: true }): readonly Effect[] {
    this.#dropExecution();
    this.#work = new OpenWork();
    this.#undispatched = [];
    this.#tail = 0;
    this.#state = { kind: "loading" };
    const known = this.#log.splice(0);
    const fault = keepLog ? this.#consume(known) : null;
    invariant(fault === null, `a log that was replayed before does not replay: ${fault?.detail}`);
    return [{ kind: "read", after: this.#tail }];
  }

  /** The classic loop: every turn starts from a fresh replay of the whole log. */
  #replayForTurn(): Fault | null {
    if (this.#setup.mode !== "replay") return null;
    this.#dropExecution();
    const fault = this.#feed(this.#log);
    (this.#execution as RunExecution | null)?.takeConsole();
    return fault;
  }

  #dropExecution(): void {
    this.#execution?.dispose();
    this.#execution = null;
  }

  // Turns

  /** Nothing is in flight and the execution stands where the log stands: decide what comes next. */
  #settle(now: number): readonly Effect[] {
    invariant(this.#state.kind === "ready", `settle in state ${this.#state.kind}`);
    if (this.#closing !== null) return this.#settleClosing(this.#closing, now);
    const execution = this.#current();
    if (execution.dead) return this.#rebuild();
    if (isEnded(execution.view.status)) return this.#end({ kind: "ended" });
    const effects: Effect[] = [];
    if (execution.planned().length === 0) effects.push(...this.#dispatch(now));
    const facts = this.#facts(now);
    if (facts.length > 0) return [...effects, ...this.#takeTurn(facts, now)];
    const planned = execution.planned();
    if (planned.length > 0) return [...effects, this.#append([], planned, false, now)];
    return [...effects, ...this.#rest(now)];
  }

  #facts(now: number) {
    return factsAtHand(
      {
        view: this.#current().view,
        work: this.#work,
        epoch: this.#setup.epoch,
        storeNow: this.#setup.clock.estimate(now),
        results: this.#results,
        isRunning: (id) => this.#running.has(id),
        encodeLostError: this.#setup.encodeLostError,
      },
      Math.max(1, Math.floor(this.#setup.maxEventsPerAppend / 2)),
    );
  }

  #takeTurn(facts: ReturnType<typeof factsAtHand>, now: number): readonly Effect[] {
    if (this.#safe) {
      const unclocked = facts.map((fact) => ({ ...fact, at: null }) as NewFact);
      return [this.#append(unclocked, this.#current().planned(), false, now)];
    }
    const replayFault = this.#replayForTurn();
    if (replayFault !== null) return this.#fault(replayFault, now);
    const execution = this.#current();
    const at = Math.max(execution.view.lastAt, this.#setup.clock.estimate(now));
    const clocked = facts.map((fact, index) => ({ ...fact, at, position: this.#tail + index + 1 }));
    const fault = execution.deliver(clocked);
    if (fault !== null) return this.#fault(fault, now);
    return [this.#append(clocked.map(withoutPosition), execution.planned(), true, now)];
  }

  #append(facts: readonly NewFact[], planned: readonly NewDecision[], speculative: boolean, now: number): Effect {
    const decisions = planned.slice(0, Math.max(0, this.#setup.maxEventsPerAppend - facts.length));
    this.#n += 1;
    const settled = this.#safe || decisions.length < planned.length;
    const request: DriverAppend = {
      by: "driver",
      epoch: this.#setup.epoch,
      n: this.#n,
      ifTail: speculative ? this.#tail : null,
      after: this.#tail,
      facts,
      decisions,
      release: settled ? null : this.#releaseWith(decisions, facts, this.#setup.clock.estimate(now)),
    };
    this.#state = { kind: "appending", request, speculative };
    return { kind: "append", request, resend: false };
  }

  #releaseWith(decisions: readonly NewDecision[], facts: readonly NewFact[], storeNow: number) {
    if (this.#closing !== null || this.#running.size > 0 || this.#undispatched.length > 0) return null;
    return planRelease({ work: this.#work, facts, decisions, storeNow, holdMs: this.#setup.holdMs });
  }

  /** Start the bodies that acknowledged events allow, and the retries of this claim that are due (M2). */
  #dispatch(now: number): Effect[] {
    const effects: Effect[] = [];
    for (const event of this.#undispatched) {
      const { correlationId: id } = event;
      if (id !== null) this.#dispatchStep(id, effects);
    }
    this.#undispatched = [];
    const storeNow = this.#setup.clock.estimate(now);
    for (const [id, retryAt] of this.#work.retries) {
      if (retryAt <= storeNow && this.#dispatchStep(id, effects)) this.#work.retries.delete(id);
    }
    return effects;
  }

  #dispatchStep(correlationId: string, effects: Effect[]): boolean {
    const step = this.#current().view.entityOf("step", correlationId);
    const created = this.#work.steps.get(correlationId);
    if (step === undefined || created === undefined || step.epoch !== this.#setup.epoch) return false;
    if (this.#running.has(correlationId) || this.#results.has(correlationId)) return false;
    const { attempt, delivery } = step;
    this.#running.set(correlationId, { attempt, delivery });
    const { workflow } = this.#work;
    effects.push({ kind: "runStep", task: { created, correlationId, attempt, delivery, workflow } });
    return true;
  }

  /** Nothing to write: wait for running bodies or a near timer, else give the run back. */
  #rest(now: number): readonly Effect[] {
    const storeNow = this.#setup.clock.estimate(now);
    const due = this.#work.nextDue();
    const delayMs = due === null ? null : Math.max(0, due - storeNow);
    if (this.#running.size > 0 || (delayMs !== null && delayMs <= this.#setup.holdMs)) {
      return [{ kind: "setTimer", delayMs }];
    }
    return this.#release(due);
  }

  #release(wakeAt: number | null): readonly Effect[] {
    this.#state = { kind: "releasing" };
    const request = { epoch: this.#setup.epoch, ifTail: this.#tail, wakeAt };
    return [
      { kind: "setTimer", delayMs: null },
      { kind: "release", request },
    ];
  }

  #onReleased(result: "released" | "moved" | "fenced"): readonly Effect[] {
    this.#expect("releasing");
    if (result === "released") return this.#end({ kind: "released" });
    if (result === "fenced") return this.#end({ kind: "fenced" });
    this.#state = { kind: "loading" };
    return [{ kind: "read", after: this.#tail }];
  }

  #onPolled(tail: number): readonly Effect[] {
    if (this.#state.kind !== "ready" || tail <= this.#tail) return [];
    this.#state = { kind: "loading" };
    return [{ kind: "read", after: this.#tail }];
  }

  #onStepFinished(finished: StepFinished): readonly Effect[] {
    const running = this.#running.get(finished.correlationId);
    if (running?.attempt !== finished.attempt || running.delivery !== finished.delivery) return [];
    this.#running.delete(finished.correlationId);
    const { outcome } = finished;
    if (outcome.kind === "unregistered") return this.#faultFromStep("needs_step", outcome.detail, finished);
    if (outcome.kind === "undecodable") return this.#faultFromStep("undecodable", outcome.detail, finished);
    this.#results.set(finished.correlationId, finished);
    return this.#scheduleTurn();
  }

  #faultFromStep(reason: Fault["reason"], detail: string, finished: StepFinished): readonly Effect[] {
    const position = this.#work.steps.get(finished.correlationId)?.position ?? null;
    this.#closing ??= { kind: "park", fault: { reason, detail, position } };
    return this.#scheduleTurn();
  }

  #scheduleTurn(): readonly Effect[] {
    if (this.#turnScheduled) return [];
    this.#turnScheduled = true;
    return [{ kind: "scheduleTurn" }];
  }

  // Closing

  /** A stopped turn is tried once more alone; every other fault parks the run when its running bodies are done. */
  #fault(fault: Fault, now: number): readonly Effect[] {
    if (fault.reason === "runaway" && !this.#alone) {
      this.#alone = true;
      return this.#rebuild({ keepLog: false });
    }
    this.#state = { kind: "ready" };
    return this.#close({ kind: "park", fault }, now);
  }

  #close(closing: Closing, now: number): readonly Effect[] {
    this.#closing ??= closing;
    this.#dropExecution();
    this.#undispatched = [];
    return this.#state.kind === "ready" ? this.#settleClosing(this.#closing, now) : [];
  }

  /** M5: record what finished, wait for what runs, then park or give the run back. */
  #settleClosing(closing: Closing, now: number): readonly Effect[] {
    if (this.#results.size > 0 && this.#tail > 0) {
      const storeNow = this.#setup.clock.estimate(now);
      const facts = [...this.#results.values()].map((it) => ({ ...resultFact(it, storeNow), at: null }) as NewFact);
      return [this.#append(facts.slice(0, this.#setup.maxEventsPerAppend), [], false, now)];
    }
    if (this.#running.size > 0) return [{ kind: "setTimer", delayMs: null }];
    if (closing.kind === "shutdown") return this.#release(this.#setup.clock.estimate(now));
    this.#state = { kind: "parking", fault: closing.fault };
    return [
      { kind: "setTimer", delayMs: null },
      { kind: "park", parked: closing.fault },
    ];
  }

  #onParked(accepted: boolean): readonly Effect[] {
    const { fault } = this.#expect("parking");
    return this.#end(accepted ? { kind: "parked", reason: fault.reason } : { kind: "fenced" });
  }

  #end(end: DriveEnd): readonly Effect[] {
    this.#state = { kind: "done", end };
    const effects: Effect[] = [{ kind: "setTimer", delayMs: null }];
    if (this.#running.size > 0) effects.push({ kind: "abortSteps" });
    this.#results.clear();
    return [...effects, { kind: "end", end }];
  }

  #current(): RunExecution {
    invariant(this.#execution !== null, `run ${this.#setup.runId} has no execution in state ${this.#state.kind}`);
    return this.#execution;
  }

  #expect<K extends State["kind"]>(kind: K): Extract<State, { kind: K }> {
    const state = this.#state;
    invariant(state.kind === kind, `an answer for state ${kind} came in state ${state.kind}`);
    return state as Extract<State, { kind: K }>;
  }
}

function withoutPosition(fact: SpeculativeFact): NewFact {
  const { type, correlationId, at, data, payload } = fact;
  return { type, correlationId, at, data, payload } as NewFact;
}
