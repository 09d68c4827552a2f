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
  Appended,
  AppendResult,
  CreateRequest,
  CreateResult,
  DriverAppend,
  LogEvent,
  NewDecision,
  NewFact,
} from "@perdure/world";
import { isEnded, isTerminalType } from "@perdure/world";
import { type EagerRequest, eagerCreateRequest, provisionalCreation } from "./eager-start.ts";
import { HeldRun, type HeldRunSetup, type Residence } from "./held-run.ts";
import type { DriveEnd, Effect, Fault, MachineInput, SpeculativeFact, StepFinished } from "./machine-io.ts";
import { planRelease } from "./release-plan.ts";
import { parkReasons, wasNotStarted } from "./step-outcome.ts";
import type { StoreClock } from "./store-clock.ts";
import { type FactAtHand, resultFact } from "./turn-facts.ts";

/** What a machine is told once. `mode` `replay`: throw the execution away after every turn and rebuild it. */
export interface MachineSetup extends HeldRunSetup {
  readonly worker: string;
  readonly clock: StoreClock;
  readonly compareAndAppend: boolean;
  readonly maxEventsPerAppend: number;
  /** Keep the claim when the next timer is at most this far away; give the run back otherwise. */
  readonly holdMs: number;
}

type CreateEffect = Extract<Effect, { readonly kind: "create" }>;

type State =
  | { readonly kind: "fresh" }
  | { readonly kind: "creating"; readonly request: EagerRequest; readonly sent: CreateEffect }
  | { readonly kind: "loading" }
  | { readonly kind: "ready" }
  | { readonly kind: "appending"; readonly request: DriverAppend }
  | { readonly kind: "releasing" }
  | { readonly kind: "parking"; readonly fault: Fault }
  | { readonly kind: "done"; readonly end: DriveEnd };

type Closing = { readonly kind: "shutdown" } | { readonly kind: "park"; readonly fault: Fault };

export class RunMachine {
  readonly #setup: MachineSetup;
  readonly #held: HeldRun;
  #state: State = { kind: "fresh" };
  #closing: Closing | null = null;
  #n = 0;
  /**
   * The tail that the store has spoken of. What lies between it and what is held has to be read before anything is decided:
   * a copy of the store that lags behind may answer a read with less (L8).
   */
  #knownTail = 0;
  #safe: boolean;
  #turnScheduled = false;

  constructor(setup: MachineSetup) {
    this.#setup = setup;
    this.#held = new HeldRun(setup);
    this.#safe = !setup.compareAndAppend;
  }

  /** Position of the last event that the driver holds. */
  get tail(): number {
    return this.#held.tail;
  }

  get runningCount(): number {
    return this.#held.runningCount;
  }

  /** Take up a run that was claimed at this tail, with the execution that an earlier claim left in this process, if any. */
  claimed(residence: Residence | null, tail: number): readonly Effect[] {
    invariant(this.#state.kind === "fresh", "a machine takes one run up");
    this.#knownTail = tail;
    if (residence !== null) this.#held.adopt(residence);
    return this.#held.tail > tail ? this.#end({ kind: "ahead" }) : this.#load();
  }

  /** Create a run: its first turn is taken before anything is written. */
  start(request: EagerRequest, now: number): readonly Effect[] {
    invariant(this.#state.kind === "fresh", "a machine takes one run up");
    return this.#create(request, now);
  }

  /** What may stay in memory after `end: released`; null when nothing may. */
  takeResidence(): Residence | null {
    const residence = this.#held.takeResidence();
    const released = this.#state.kind === "done" && this.#state.end.kind === "released" && this.#closing === null;
    if (released) return residence;
    residence?.execution.dispose();
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
        return this.#onStepFinished(input.finished, now);
      case "turn":
        this.#turnScheduled = false;
        return this.#state.kind === "ready" ? this.#settle(now) : [];
      case "timerDue":
        return this.#state.kind === "ready" ? this.#settle(now) : [];
      case "polled":
        this.#heardOf(input.tail);
        return this.#state.kind === "ready" ? this.#settle(now) : [];
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

  // Creating and reading

  #create(request: EagerRequest, now: number): readonly Effect[] {
    const { runId, worker, clock, maxEventsPerAppend } = this.#setup;
    const at = clock.estimate(now);
    const execution = this.#held.open(provisionalCreation(request, at));
    const fault = execution.deliver([{ ...runStarted, at }]);
    if (fault !== null) return this.#createUntouched(request);
    const decisions = execution.planned().slice(0, maxEventsPerAppend - 2);
    const complete = decisions.length === execution.planned().length;
    const release = complete ? this.#releaseWith(decisions, [], at) : null;
    this.#n = 1;
    return this.#sendCreate(request, eagerCreateRequest(request, { runId, worker, at, decisions, release }));
  }

  /** The first turn cannot be taken here and now: record the run as a client would, and let a claim find out why. */
  #createUntouched(request: EagerRequest): readonly Effect[] {
    this.#held.dropExecution();
    const { created, input } = request;
    return this.#sendCreate(request, { runId: this.#setup.runId, created, input, eager: null });
  }

  #sendCreate(request: EagerRequest, toSend: CreateRequest): readonly Effect[] {
    const sent: CreateEffect = { kind: "create", request: toSend, resend: false };
    this.#state = { kind: "creating", request, sent };
    return [sent];
  }

  #onCreated(result: CreateResult, now: number): readonly Effect[] {
    const { request, sent } = this.#expect("creating");
    if (result.kind === "existing") return this.#end({ kind: "existing", runId: result.run.runId });
    if (result.kind === "refused") {
      invariant(result.reason.kind === "clock", `a creation was refused: ${JSON.stringify(result.reason)}`);
      this.#setup.clock.correct(result.reason.storeNow, now);
      this.#held.forget();
      return this.#create(request, now);
    }
    return [{ kind: "started" }, ...this.#onStarted(sent.request, result, now)];
  }

  #onStarted(
    request: CreateRequest,
    result: Extract<CreateResult, { readonly kind: "created" }>,
    now: number,
  ): readonly Effect[] {
    const { clock, worker, epoch } = this.#setup;
    clock.observe(result.storeNow, now);
    if (request.eager === null) return this.#end({ kind: "released" });
    if (!result.released && (result.run.owner !== worker || result.run.epoch !== epoch)) {
      return this.#end(isEnded(result.run.status) ? { kind: "ended" } : { kind: "fenced" });
    }
    return this.#acknowledged(result.events, result.released, now);
  }

  #heardOf(tail: number): void {
    this.#knownTail = Math.max(this.#knownTail, tail);
  }

  /** Ask for what is in the log beyond what is held. */
  #load(later = false): readonly Effect[] {
    this.#state = { kind: "loading" };
    return [{ kind: "read", after: this.#held.tail, later }];
  }

  #onRead(events: readonly LogEvent[], complete: boolean, now: number): readonly Effect[] {
    this.#expect("loading");
    const fault = this.#held.consume(events, this.#closing === null);
    if (fault !== null) return this.#fault(fault, now);
    if (!complete) return this.#load();
    if (this.#held.tail < this.#knownTail) return this.#load(events.length === 0);
    this.#state = { kind: "ready" };
    const lines = this.#closing === null ? this.#held.execution.takeConsole() : [];
    const fresh = lines.filter((line) => !line.replayed);
    const effects: readonly Effect[] = fresh.length > 0 ? [{ kind: "print", lines: fresh }] : [];
    return [...effects, ...this.#settle(now)];
  }

  /** Throw the execution and its speculation away, and take the log up again from its start (M4). */
  #rebuild(): readonly Effect[] {
    this.#heardOf(this.#held.tail);
    this.#held.forget();
    return this.#load();
  }

  // Appends

  #onAppended(result: AppendResult, now: number): readonly Effect[] {
    const { request } = this.#expect("appending");
    const { clock, compareAndAppend } = this.#setup;
    switch (result.kind) {
      case "appended":
        clock.observe(result.storeNow, now);
        this.#safe = !compareAndAppend || (this.#safe && !wasQuiet(request, result));
        return this.#acknowledged(result.events, result.released, now);
      case "moved":
        clock.observe(result.storeNow, now);
        this.#heardOf(result.tail);
        this.#safe = true;
        return this.#rebuild();
      case "fenced":
        return this.#end({ kind: "fenced" });
      case "refused": {
        const { reason } = result;
        if (reason.kind === "terminal") return this.#end({ kind: "ended" });
        if (reason.kind === "ahead") return this.#end({ kind: "ahead" });
        if (reason.kind === "entity") this.#dropFact(request, reason.index, reason.rule);
        else clock.correct(reason.storeNow, now);
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
    const fresh = events.filter((event) => event.position > this.#held.tail);
    const fault = this.#held.consume(fresh, this.#closing === null);
    const lines = this.#closing === null && fault === null ? this.#held.execution.takeConsole() : [];
    const effects: Effect[] = lines.length > 0 ? [{ kind: "print", lines }] : [];
    const last = fresh.at(-1);
    if (last !== undefined && isTerminalType(last.type)) return [...effects, ...this.#end({ kind: "ended" })];
    if (released) return [...effects, ...this.#end({ kind: "released" })];
    if (fault !== null) return [...effects, ...this.#fault(fault, now)];
    this.#state = { kind: "ready" };
    return [...effects, ...this.#settle(now)];
  }

  /** A fact that the store will never take (M3 keeps it otherwise). A refused decision is a defect. */
  #dropFact(request: DriverAppend, index: number, rule: string): void {
    const fact = request.facts[index];
    invariant(fact !== undefined, `the store refused a decision of ${this.#setup.runId}: ${rule}`);
    if (fact.correlationId !== null) this.#held.dropResult(fact.correlationId);
  }

  #append(facts: readonly NewFact[], planned: readonly NewDecision[], speculative: boolean, now: number): Effect {
    const { epoch, clock, maxEventsPerAppend } = this.#setup;
    const decisions = planned.slice(0, Math.max(0, maxEventsPerAppend - facts.length));
    const isAll = decisions.length === planned.length && facts.length < this.#factsMax;
    this.#n += 1;
    const request: DriverAppend = {
      by: "driver",
      epoch,
      n: this.#n,
      ifTail: speculative ? this.#held.tail : null,
      after: this.#held.tail,
      facts,
      decisions,
      release: isAll && !this.#safe ? this.#releaseWith(decisions, facts, clock.estimate(now)) : null,
    };
    this.#state = { kind: "appending", request };
    return { kind: "append", request, resend: false };
  }

  #releaseWith(decisions: readonly NewDecision[], facts: readonly NewFact[], storeNow: number) {
    const { runningCount, undispatchedCount, work } = this.#held;
    if (this.#closing !== null || runningCount > 0 || undispatchedCount > 0) return null;
    return planRelease({ work, facts, decisions, storeNow, holdMs: this.#setup.holdMs });
  }

  /** Facts that one turn takes; what is left over is taken by the next one. */
  get #factsMax(): number {
    return Math.max(2, Math.floor(this.#setup.maxEventsPerAppend / 2));
  }

  // Turns

  /** Nothing is in flight and the execution stands where the log stands: decide what comes next. */
  #settle(now: number): readonly Effect[] {
    if (this.#closing !== null) return this.#settleClosing(this.#closing, now);
    const { execution } = this.#held;
    if (execution.dead) return this.#rebuild();
    if (this.#held.tail < this.#knownTail) return this.#load();
    if (isEnded(execution.view.status)) return this.#end({ kind: "ended" });
    const storeNow = this.#setup.clock.estimate(now);
    const effects = execution.planned().length === 0 ? this.#held.dispatch(storeNow) : [];
    const facts = this.#held.facts(storeNow, this.#factsMax);
    if (facts.length > 0) return [...effects, ...this.#takeTurn(facts, now)];
    const planned = execution.planned();
    if (planned.length > 0) return [...effects, this.#append([], planned, false, now)];
    return [...effects, ...this.#rest(storeNow)];
  }

  #takeTurn(facts: readonly FactAtHand[], now: number): readonly Effect[] {
    if (this.#safe) return [this.#append(facts.map(unclocked), this.#held.execution.planned(), false, now)];
    const replayFault = this.#held.replayForTurn();
    if (replayFault !== null) return this.#fault(replayFault, now);
    const clocked = this.#held.clocked(facts, this.#setup.clock.estimate(now));
    const fault = this.#held.execution.deliver(clocked);
    if (fault !== null) return this.#fault(fault, now);
    return [this.#append(clocked.map(withoutPosition), this.#held.execution.planned(), true, now)];
  }

  /** Nothing to write: wait for running bodies or a near timer, else give the run back. */
  #rest(storeNow: number): readonly Effect[] {
    const { work, runningCount } = this.#held;
    if (runningCount > 0) {
      // What is due already waits for a slot: the body that finishes next takes it up, and no timer.
      const next = work.nextDue(storeNow);
      return [{ kind: "setTimer", delayMs: next === null ? null : next - storeNow }];
    }
    const due = work.nextDue();
    if (due === null || due - storeNow > this.#setup.holdMs) return this.#release(due);
    return [{ kind: "setTimer", delayMs: Math.max(0, due - storeNow) }];
  }

  #release(wakeAt: number | null): readonly Effect[] {
    this.#state = { kind: "releasing" };
    const request = { epoch: this.#setup.epoch, ifTail: this.#held.tail, wakeAt };
    return [stopTimer, { kind: "release", request }];
  }

  #onReleased(result: "released" | "moved" | "fenced"): readonly Effect[] {
    this.#expect("releasing");
    return result === "moved" ? this.#load() : this.#end({ kind: result });
  }

  #onStepFinished(finished: StepFinished, now: number): readonly Effect[] {
    if (!this.#held.finished(finished)) return [];
    const { outcome, correlationId } = finished;
    if (wasNotStarted(outcome)) {
      const reason = parkReasons[outcome.kind];
      const position = this.#held.work.steps.get(correlationId)?.position ?? null;
      this.#closing ??= { kind: "park", fault: { reason, detail: outcome.detail, position } };
    } else if (outcome.kind === "recorded") {
      this.#heardOf(outcome.tail);
    } else if (outcome.kind === "refused") {
      // The log says why; an answer that is on its way will bring it as well.
      return this.#state.kind === "ready" ? this.#load() : [];
    } else {
      this.#held.keepResult(finished);
    }
    // The last body that ran: no other result can be about to join this turn.
    if (this.#held.runningCount === 0 && this.#state.kind === "ready") return this.#settle(now);
    if (this.#turnScheduled) return [];
    this.#turnScheduled = true;
    return [{ kind: "scheduleTurn" }];
  }

  // Closing

  /**
   * A stopped turn is tried once more alone, and a divergence is met once more with source lines; then the fault parks
   * the run, when its running bodies are done.
   */
  #fault(fault: Fault, now: number): readonly Effect[] {
    if (fault.interrupted === true) return this.#rebuild().map((effect) => ({ ...effect, later: true }));
    const options = this.#held.openOptions;
    const again = (fault.reason === "runaway" && !options.alone) || (fault.reason === "diverged" && !options.trace);
    if (again) {
      this.#held.openOptions = fault.reason === "runaway" ? { ...options, alone: true } : { ...options, trace: true };
      return this.#rebuild();
    }
    this.#state = { kind: "ready" };
    return this.#close({ kind: "park", fault }, now);
  }

  #close(closing: Closing, now: number): readonly Effect[] {
    this.#closing ??= closing;
    this.#held.stopDispatching();
    return this.#state.kind === "ready" ? this.#settleClosing(this.#closing, now) : [];
  }

  /** M5: record what finished, wait for what runs, then park or give the run back. */
  #settleClosing(closing: Closing, now: number): readonly Effect[] {
    const storeNow = this.#setup.clock.estimate(now);
    const { results, runningCount } = this.#held;
    if (results.size > 0) {
      const facts = [...results.values()].slice(0, this.#setup.maxEventsPerAppend);
      return [
        this.#append(
          facts.map((it) => unclocked(resultFact(it, storeNow))),
          [],
          false,
          now,
        ),
      ];
    }
    if (runningCount > 0) return [stopTimer];
    if (closing.kind === "shutdown") return this.#release(storeNow);
    const { reason, detail, position } = closing.fault;
    this.#state = { kind: "parking", fault: closing.fault };
    return [stopTimer, { kind: "park", parked: { reason, detail, position } }];
  }

  #onParked(accepted: boolean): readonly Effect[] {
    const { fault } = this.#expect("parking");
    return this.#end(accepted ? { kind: "parked", fault } : { kind: "fenced" });
  }

  #end(end: DriveEnd): readonly Effect[] {
    this.#state = { kind: "done", end };
    const effects: Effect[] = this.#held.runningCount > 0 ? [stopTimer, { kind: "abortSteps" }] : [stopTimer];
    return [...effects, { kind: "end", end }];
  }

  #expect<K extends State["kind"]>(kind: K): Extract<State, { kind: K }> {
    const state = this.#state;
    invariant(state.kind === kind, `an answer for state ${kind} came in state ${state.kind}`);
    return state as Extract<State, { kind: K }>;
  }
}

/** Nobody else has written since the driver last held the whole log. */
function wasQuiet(request: DriverAppend, result: Appended): boolean {
  return result.events.length === request.facts.length + request.decisions.length;
}

const stopTimer: Effect = { kind: "setTimer", delayMs: null };

const runStarted: Omit<SpeculativeFact, "at"> = {
  type: "run_started",
  correlationId: null,
  position: 2,
  data: {},
  payload: null,
};

function withoutPosition(fact: SpeculativeFact): NewFact {
  const { type, correlationId, at, data, payload } = fact;
  return { type, correlationId, at, data, payload } as NewFact;
}

const unclocked = (fact: FactAtHand): NewFact => ({ ...fact, at: null }) as NewFact;
