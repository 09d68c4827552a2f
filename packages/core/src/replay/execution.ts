/**
 * One run's workflow code, alive in a realm, moved over its log.
 *
 * Pure in the sense of the architecture: what it decides depends on the log and the code only. Facts are delivered one at a
 * time in log order, each until the realm is at rest; decisions of the log are matched with those that the code makes, and
 * the first that differs is a fault. It does no I/O, knows no clock, and holds no host state that a stopped delivery could
 * leave half changed: after a fault the execution is dead.
 */
import { InvariantError, invariant, sentenceOf, UndecodableError, UnknownEventError } from "@perdure/errors";
import { unpackPayload } from "@perdure/serde";
import { isDecisionType, isFactType, isKnownEventType, type LogEvent, type NewDecision, RunView } from "@perdure/world";
import type { Hydrated, HydrationMemo } from "../hydrate/hydration-memo.ts";
import type { ConsoleLevel, GuestExecution } from "../realm/guest-port.ts";
import type { Realm } from "../realm/realm.ts";
import { type DeliverableFact, type Delivery, type DeliveryReport, deliverAll, nothing } from "./delivery.ts";
import { divergence, type ExecutionFault } from "./divergence.ts";
import {
  type DecisionHost,
  difference,
  keyOfCreation,
  type Planned,
  planDecision,
  toNewDecision,
} from "./planned-decision.ts";
import { mapEncodedStacks, sourceOfStack } from "./source-position.ts";

export type { ExecutionFault } from "./divergence.ts";

/** What an execution is opened with. */
export interface ExecutionParams {
  readonly runId: string;
  readonly created: LogEvent<"run_created">;
  readonly realm: Realm;
  /** The memo of this claim, or null to hydrate every payload anew. */
  readonly memo: HydrationMemo | null;
  /** How long one guarded call may last, in milliseconds. Default 5,000. */
  readonly limitMs?: number;
  /** Who runs the bodies of a step that the code asks for now; default: the driver, inline. */
  readonly dispatchOf?: DecisionHost["dispatchOf"];
  /** Keep the stack of every operation, so that a divergence names its line. Costs time; default false. */
  readonly trace?: boolean;
  /** Facts up to this position were delivered before, so their console lines are marked as replayed. Default 0. */
  readonly replayedUntil?: number;
}

/** A fact that is not in the log yet, at the position that it will have. */
export interface SpeculativeFact extends DeliverableFact {
  readonly type: "run_started" | "step_started" | "step_completed" | "step_failed" | "step_retrying" | "wait_completed";
}

/** One line that workflow code wrote to its console. */
export interface ConsoleLine {
  readonly level: ConsoleLevel;
  readonly text: string;
  /** It belongs to a delivery that an earlier execution made too: it was printed then. */
  readonly replayed: boolean;
}

const defaultLimitMs = 5_000;
/** Facts in one guarded call, so that its limit bounds a known amount of work. */
const factsPerCall = 1_000;

/** A fact that was delivered before it was in the log. */
interface Speculated {
  readonly fact: SpeculativeFact;
  readonly value: Hydrated;
}

export class Execution {
  /** The fold of the consumed log. */
  readonly view = RunView.empty();
  readonly #params: ExecutionParams;
  readonly #guest: GuestExecution;
  /** What the guest calls the operations that are open, by correlation id. */
  readonly #keys = new Map<string, string>();
  #planned: Planned[] = [];
  #speculated: Speculated[] = [];
  #lines: ConsoleLine[] = [];
  #hookOrdinal = 0;
  #replayedUntil: number;
  /** The outcome is known. */
  #ended = false;
  /** The run was cancelled: what was delivered before counts, and nothing more is. */
  #cancelled = false;
  #fault: ExecutionFault | null = null;

  private constructor(params: ExecutionParams) {
    const { created, realm, runId } = params;
    this.#params = params;
    this.#replayedUntil = params.replayedUntil ?? 0;
    const { workflowName, seed, locale, timeZone } = created.data;
    this.#guest = realm.port.open(runId, workflowName, seed, locale, timeZone, params.trace ?? false);
    this.view.apply(created, runId);
  }

  /** An execution at position 1. The bundle is evaluated and the workflow called when `run_started` is delivered. */
  static open(params: ExecutionParams): Execution {
    return new Execution(params);
  }

  /** Position of the last event of the log that was consumed. */
  get consumed(): number {
    return this.view.tail;
  }

  /** The outcome is known, or the run was cancelled: nothing is delivered any more. */
  get ended(): boolean {
    return this.#ended || this.#cancelled;
  }

  /** Its realm was stopped under it, by another execution: it has to be rebuilt from the log. */
  get dead(): boolean {
    return this.#params.realm.retired;
  }

  /**
   * Moves over events of the log, in order, from position `consumed + 1` on. Returns what is wrong, or null. After a fault
   * the execution is dead and answers with the same fault for ever.
   */
  consume(events: readonly LogEvent[]): ExecutionFault | null {
    // What a decision of the log followed from was delivered before, and all that stands before it.
    for (const { cause } of events) this.#replayedUntil = Math.max(this.#replayedUntil, cause ?? 0);
    for (let start = 0; start < events.length && this.#fault === null; ) {
      const end = endOfSlice(events, start);
      this.#fault = this.#consumeSlice(events.slice(start, end));
      start = end;
    }
    return this.#fault;
  }

  /** Delivers facts that are not in the log yet, at the positions that follow the log and the facts before. */
  deliver(facts: readonly SpeculativeFact[]): ExecutionFault | null {
    if (this.#fault !== null) return this.#fault;
    const deliveries: Delivery[] = [];
    const freshFrom = this.view.tail + this.#speculated.length + 1;
    for (const fact of facts) {
      const expected = this.view.tail + this.#speculated.length + 1;
      invariant(fact.position === expected, `a fact at position ${fact.position} was delivered at ${expected}`);
      const value = this.#hydrate(fact, (memo, source) => memo.hydrateOnce(source));
      if (!isHydrated(value)) return this.#die(value);
      this.#speculated.push({ fact, value });
      const delivery = this.#deliveryOf(fact, value);
      if (delivery !== null) deliveries.push(delivery);
    }
    this.#fault = this.#run(deliveries, freshFrom);
    return this.#fault;
  }

  /** Decisions that are not in the log yet, in order, ready to be appended. */
  planned(): readonly NewDecision[] {
    return this.#planned.map(toNewDecision);
  }

  /** Console lines since the last call. */
  takeConsole(): readonly ConsoleLine[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  /** Lets go of everything; the execution must not be used any more. */
  dispose(): void {
    this.#planned = [];
    this.#speculated = [];
    this.#lines = [];
    this.#keys.clear();
    this.#ended = true;
    this.#guest.decisions.length = 0;
    this.#guest.lines.length = 0;
  }

  #die(fault: ExecutionFault): ExecutionFault {
    this.#fault = fault;
    return fault;
  }

  #consumeSlice(events: readonly LogEvent[]): ExecutionFault | null {
    const deliveries: Delivery[] = [];
    let problem: ExecutionFault | null = null;
    let readable = 0;
    for (const event of events) {
      problem = this.#prepare(event, deliveries);
      if (problem !== null) break;
      readable += 1;
    }
    const stop = this.#run(deliveries, this.#replayedUntil + 1);
    // What the code asked for before it was stopped may differ from the log already; that is the earlier fault.
    return this.#match(events.slice(0, readable), stop) ?? stop ?? problem;
  }

  /** Puts what an event brings on the list of deliveries. */
  #prepare(event: LogEvent, deliveries: Delivery[]): ExecutionFault | null {
    if (!isKnownEventType(event.type)) return unknownEvent(this.#params.runId, event);
    if (event.type === "hook_created" || event.type === "hook_conflict") this.#hookOrdinal += 1;
    const key = keyOfCreation(event, this.#hookOrdinal);
    if (key !== null && event.correlationId !== null) this.#keys.set(event.correlationId, key);
    if (!isFactType(event.type)) return null;
    const first = this.#speculated[0];
    if (first !== undefined && event.position >= first.fact.position) return this.#confirm(event);
    const value = this.#hydrate(event, (memo, source) => memo.hydrate(source));
    if (!isHydrated(value)) return value;
    const delivery = this.#deliveryOf(event, value);
    if (delivery !== null) deliveries.push(delivery);
    return null;
  }

  /** The log holds a fact that was delivered before: it has to be the very one. */
  #confirm(event: LogEvent): null {
    const { fact, value } = this.#speculated.shift() as Speculated;
    const isSame =
      fact.position === event.position &&
      fact.type === event.type &&
      fact.correlationId === event.correlationId &&
      fact.at === event.at;
    if (!isSame) {
      const found = `${event.type} at position ${event.position}`;
      throw new InvariantError(`The log holds ${found}, and ${fact.type} was delivered in its place.`);
    }
    if (fact.payload !== null) this.#params.memo?.keep({ ...fact, payload: fact.payload }, value);
    return null;
  }

  #hydrate(
    fact: DeliverableFact,
    read: (memo: HydrationMemo, source: { position: number; type: string; payload: Uint8Array }) => Hydrated,
  ): Hydrated | ExecutionFault {
    const { created, memo } = this.#params;
    const carrier = fact.type === "run_started" ? created : fact;
    if (carrier.payload === null || this.ended) return nothing;
    const source = { position: carrier.position, type: carrier.type, payload: carrier.payload };
    try {
      const value: Hydrated = memo === null ? { kind: "text", ...unpackPayload(carrier.payload) } : read(memo, source);
      const isInput = carrier.type === "run_created";
      return isInput && value.kind !== "text" ? undecodable(carrier, "The input is not a list of arguments.") : value;
    } catch (error) {
      if (!UndecodableError.is(error)) throw error;
      return undecodable(carrier, error.message);
    }
  }

  /** The delivery of a fact; null for a fact that the code does not see. */
  #deliveryOf(fact: DeliverableFact, value: Hydrated): Delivery | null {
    if (fact.type === "run_cancelled") this.#cancelled = true;
    if (this.ended || !visibleTypes.has(fact.type)) return null;
    const key = fact.correlationId === null ? "" : this.#keys.get(fact.correlationId);
    // A fact of an operation that the log never created; the fold refuses it.
    return key === undefined ? null : { fact, key, value };
  }

  /** Delivers inside of the guarded call, and takes what the guest recorded. Lines from `freshFrom` on are new. */
  #run(deliveries: readonly Delivery[], freshFrom: number): ExecutionFault | null {
    if (deliveries.length === 0 || this.#ended) return null;
    const { realm, created, limitMs = defaultLimitMs } = this.#params;
    const report: DeliveryReport = { delivered: 0, state: "waiting", undecodable: null };
    const { workflowId } = created.data;
    const result = realm.enter(() => deliverAll(realm, this.#guest, workflowId, deliveries, report), limitMs);
    const last = deliveries[Math.min(report.delivered, deliveries.length - 1)]?.fact ?? null;
    if (result === "stopped") {
      const stopped = runaway(`ran for ${limitMs} ms without waiting for a step, a sleep or a hook`, last);
      return realm.wasInterrupted ? { ...stopped, interrupted: true } : stopped;
    }
    this.#takeRecords(freshFrom);
    if (report.undecodable !== null) return undecodable(report.undecodable, report.undecodable.problem);
    if (report.state === "overflow") {
      realm.retire();
      return runaway("ended in a stack overflow that it did not catch", last);
    }
    if (report.state === "ended") this.#ended = true;
    return null;
  }

  #takeRecords(freshFrom: number): void {
    const { runId, realm, dispatchOf = () => "inline" } = this.#params;
    const { decisions, lines } = this.#guest;
    const host: DecisionHost = { mapText: (text) => mapEncodedStacks(text, realm.bundle), dispatchOf };
    for (const record of decisions) {
      const planned = planDecision(runId, record, host);
      if (planned.correlationId !== null) this.#keys.set(planned.correlationId, planned.key);
      this.#planned.push(planned);
    }
    for (const { level, text, position } of lines) {
      this.#lines.push({ level, text, replayed: position < freshFrom });
    }
    decisions.length = 0;
    lines.length = 0;
  }

  /** Matches the decisions of the log with those that the code made, and moves the view. */
  #match(events: readonly LogEvent[], stop: ExecutionFault | null): ExecutionFault | null {
    let next = 0;
    for (const event of events) {
      if (isDecisionType(event.type) || event.type === "hook_conflict") {
        const planned = this.#planned[next] ?? null;
        // After a stop the code may have made decisions that were never taken.
        if (planned === null && stop !== null) return stop;
        const differs =
          planned === null ? "the code makes fewer decisions than the log holds" : difference(event, planned);
        if (differs !== null) return this.#diverged(event, planned, differs);
        next += 1;
      }
      this.view.apply(event, this.#params.runId);
      if (closingTypes.has(event.type) && event.correlationId !== null) this.#keys.delete(event.correlationId);
    }
    this.#planned.splice(0, next);
    return null;
  }

  #diverged(event: LogEvent, planned: Planned | null, differs: string): ExecutionFault {
    return divergence(event, planned, differs, planned === null ? null : this.#callOf(planned));
  }

  /** Where the user's code asked for it; known when the execution is traced. */
  #callOf(planned: Planned): string | null {
    if (planned.stack === null) return null;
    // The topmost place of a step's call is the function that stands in for the step.
    return sourceOfStack(planned.stack, this.#params.realm.bundle, planned.type === "step_created" ? 1 : 0);
  }
}

/** Facts that the code sees. The others move attempts and deliveries, which are the driver's. */
const visibleTypes: ReadonlySet<string> = new Set([
  "run_started",
  "step_completed",
  "step_failed",
  "wait_completed",
  "hook_received",
  "hook_conflict",
]);

/** After these nothing more arrives for the operation. */
const closingTypes: ReadonlySet<string> = new Set([
  "step_completed",
  "step_failed",
  "wait_completed",
  "hook_conflict",
  "hook_disposed",
]);

/** A slice ends after so many facts; the decisions that follow the last one belong to it. */
function endOfSlice(events: readonly LogEvent[], start: number): number {
  let facts = 0;
  for (let index = start; index < events.length; index++) {
    const event = events[index];
    if (event === undefined || !isFactType(event.type)) continue;
    if (facts === factsPerCall) return index;
    facts += 1;
  }
  return events.length;
}

const isHydrated = (value: Hydrated | ExecutionFault): value is Hydrated => "kind" in value;

function undecodable({ position, type }: Pick<DeliverableFact, "position" | "type">, problem: string): ExecutionFault {
  const detail = `The payload of the ${type} at position ${position} cannot be read. ${problem}`;
  return { reason: "undecodable", detail, position };
}

function unknownEvent(runId: string, event: LogEvent): ExecutionFault {
  const detail = sentenceOf(new UnknownEventError(runId, event.position, event.type));
  return { reason: "unknown_event", detail, position: event.position };
}

function runaway(what: string, fact: DeliverableFact | null): ExecutionFault {
  const since = fact === null ? "" : ` It began with the ${fact.type} at position ${fact.position}.`;
  return { reason: "runaway", detail: `The workflow code ${what}.${since}`, position: fact?.position ?? null };
}
