/**
 * A small language for tests of the execution: says what happens to a run, keeps its log as a store would, and checks that
 * every way to read the log gives the same decisions, console lines and outcome.
 */
import { deepStrictEqual, fail } from "node:assert/strict";
import { encode, hydrate, packPayload } from "@perdure/serde";
import {
  type EventData,
  type FactType,
  type IsolationMode,
  isDecisionType,
  type LogEvent,
  type NewDecision,
  operationName,
} from "@perdure/world";
import { HydrationMemo } from "../hydrate/hydration-memo.ts";
import { type HeldBundle, packBundle, type StoredBundle } from "../realm/bundle.ts";
import type { Guard } from "../realm/guard.ts";
import { guestAbi, guestSource } from "../realm/guest-source.ts";
import { Realm } from "../realm/realm.ts";
import { Execution, type ExecutionFault, type SpeculativeFact } from "./execution.ts";

/** No time limit: for tests whose workflows are known to come to rest. */
export const unguarded: Pick<Guard, "run"> = {
  run(job) {
    job();
    return "done";
  },
};

export const workflowId = "workflow//./test//main";

/** A bundle as the compiler writes one, around the source of one workflow function. `step(name, shape)` makes a step. */
export function bundleOf(workflow: string, moduleCode = ""): HeldBundle {
  const code = `(function (globalThis, self, global, __perdure) { "use strict";
const { ${apiNames} } = __perdure.api;
const step = (name, shape = null) => function () { return __perdure.callStep("step//./test//" + name, name, shape, arguments); };
${moduleCode}
return { ${JSON.stringify(workflowId)}: ${workflow} };
})`;
  return holdBundle({ abi: guestAbi, guest: guestSource, code, map: null, workflows: [workflowId] });
}

const apiNames =
  "sleep, createHook, getWorkflowMetadata, getStepMetadata, FatalError, HookConflictError, SerializationError";

export function holdBundle(bundle: StoredBundle): HeldBundle {
  return { id: packBundle(bundle).id, ...bundle };
}

/** The payload of a value. */
export const payloadOf = (value: unknown): Uint8Array => packPayload(encode(value));

export const runStartAt = Date.UTC(2026, 0, 1, 12);
const stepMs = 1_000;
const seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

export interface RunOptions {
  readonly isolation?: IsolationMode;
  readonly runId?: string;
  readonly seed?: string;
  readonly locale?: string;
  readonly timeZone?: string;
  /** A realm to share with other histories. */
  readonly realm?: Realm;
}

export function runCreated(
  bundle: HeldBundle,
  input: readonly unknown[],
  options: RunOptions = {},
): LogEvent<"run_created"> {
  const runId = options.runId ?? "wrun_00000000000000000000000001";
  return {
    type: "run_created",
    position: 1,
    correlationId: null,
    at: runStartAt,
    committedAt: runStartAt,
    cause: null,
    epoch: null,
    key: null,
    payload: payloadOf(input),
    data: {
      specVersion: 1,
      guestAbi,
      bundleId: bundle.id,
      workflowId,
      workflowName: "main",
      seed: options.seed ?? seed,
      isolation: options.isolation ?? "shared",
      locale: options.locale ?? "en-US",
      timeZone: options.timeZone ?? "UTC",
      node: process.version,
      icu: "",
      namespace: "default",
      key: null,
      parentRunId: null,
      rootRunId: runId,
      trace: null,
      inputDigest: "1:0",
    },
  };
}

export function realmFor(bundle: HeldBundle, isolation: IsolationMode = "shared"): Realm {
  return Realm.create(bundle, { isolation, guard: unguarded });
}

/** What a test compares: everything that an execution shows. */
export interface Trace {
  readonly decisions: readonly string[];
  readonly lines: readonly string[];
}

export interface FactInput {
  readonly type: FactType;
  readonly correlationId: string | null;
  readonly data: EventData[FactType];
  readonly payload: Uint8Array | null;
}

export function given(workflow: string, options: RunOptions & { readonly moduleCode?: string } = {}): History {
  return new History(bundleOf(workflow, options.moduleCode), options);
}

/** One run, its log, and the resident execution that wrote it. */
export class History {
  readonly bundle: HeldBundle;
  readonly log: LogEvent[] = [];
  readonly lines: string[] = [];
  execution: Execution;
  fault: ExecutionFault | null = null;
  readonly #options: RunOptions;
  readonly #realm: Realm;
  #at = runStartAt;

  constructor(bundle: HeldBundle, options: RunOptions) {
    this.bundle = bundle;
    this.#options = options;
    this.#realm = options.realm ?? realmFor(bundle, options.isolation);
    this.execution = undefined as never;
  }

  /** Creates the run and starts it. */
  start(...input: readonly unknown[]): this {
    const created = runCreated(this.bundle, input, this.#options);
    this.log.push(created);
    this.execution = this.openExecution(this.#realm);
    return this.happens([{ type: "run_started", correlationId: null, data: {}, payload: null }]);
  }

  /** The step has this result: `completes("charge#1", 5)`. */
  completes(step: string, value: unknown): this {
    return this.happens([this.completion(step, value)]);
  }

  fails(step: string, error: unknown): this {
    return this.happens([this.rejection(step, error)]);
  }

  /** The sleep is over: `wakes("sleep#1")`. */
  wakes(wait: string): this {
    return this.happens([this.awakening(wait)]);
  }

  receives(hook: string, value: unknown): this {
    return this.happens([this.payload(hook, value)]);
  }

  cancelled(): this {
    return this.happens([{ type: "run_cancelled", correlationId: null, data: { reason: null }, payload: null }]);
  }

  completion(step: string, value: unknown): FactInput {
    const data = { attempt: 1, delivery: 1 };
    return { type: "step_completed", correlationId: this.idOf(step), data, payload: payloadOf(value) };
  }

  rejection(step: string, error: unknown): FactInput {
    const data = { attempt: 1, delivery: 1, code: "FATAL" };
    return { type: "step_failed", correlationId: this.idOf(step), data, payload: payloadOf(error) };
  }

  awakening(wait: string): FactInput {
    return { type: "wait_completed", correlationId: this.idOf(wait), data: {}, payload: null };
  }

  payload(hook: string, value: unknown): FactInput {
    const ordinal = this.log.filter((event) => event.type === "hook_received").length + 1;
    return { type: "hook_received", correlationId: this.idOf(hook), data: { ordinal }, payload: payloadOf(value) };
  }

  /** Labels of the operations that wait for a fact. */
  open(): string[] {
    const open = new Set<string>();
    for (const [id, entity] of this.execution.view.entities()) {
      if (entity.state === "open") open.add(id);
    }
    return this.log.filter((event) => open.has(event.correlationId ?? "") && isDecision(event)).map(labelOf);
  }

  /** Time passes before the next fact. */
  later(ms: number): this {
    this.#at += ms;
    return this;
  }

  /** Facts of one turn: delivered before they are written, unless one comes from outside. */
  happens(facts: readonly FactInput[]): this {
    const first = this.log.length + 1;
    const clocked = facts.map((fact, index) => {
      this.#at += stepMs;
      return { ...fact, at: this.#at, position: first + index };
    });
    const events = clocked.map((fact) => this.#event({ ...fact, cause: null }));
    const isOutside = facts.some((fact) => fact.type === "hook_received" || fact.type === "run_cancelled");
    if (isOutside) this.#consume(events);
    else this.#note(this.execution.deliver(clocked as SpeculativeFact[]));
    if (!isOutside) this.log.push(...events);
    if (this.fault === null) this.#record(isOutside ? [] : events);
    return this;
  }

  /** The store answers the hook's creation with a conflict: to be said before the turn that creates it. */
  conflicting(hookOrdinal: number, runId: string): this {
    this.#conflicts.set(hookOrdinal, runId);
    return this;
  }

  readonly #conflicts = new Map<number, string>();

  #record(facts: readonly LogEvent[]): void {
    for (let pending = facts; ; pending = []) {
      const decisions = this.execution.planned().map((decision) => this.#store(decision));
      this.lines.push(...this.execution.takeConsole().map((line) => `${line.level}: ${line.text}`));
      if (decisions.length === 0 && pending.length === 0) return;
      this.#consume([...pending, ...decisions], pending.length);
    }
  }

  /** The decision as the store writes it. */
  #store(decision: NewDecision): LogEvent {
    const position = this.log.length + 1 + this.#storing++;
    if (decision.type === "wait_created") {
      const data = { ...decision.data, resumeAt: decision.data.resumeAt ?? this.#at + (decision.data.durationMs ?? 0) };
      return this.#event({ ...decision, data, position });
    }
    const owner = decision.type === "hook_created" ? this.#conflicts.get(decision.data.ordinal) : undefined;
    if (decision.type !== "hook_created" || owner === undefined) return this.#event({ ...decision, position });
    const data = { tokenHash: decision.data.tokenHash, conflictingRunId: owner };
    return this.#event({ ...decision, type: "hook_conflict", data, cause: null, at: this.#at, position });
  }

  #storing = 0;

  #event(fields: object): LogEvent {
    return { committedAt: this.#at, epoch: 1, key: null, cause: null, ...fields } as LogEvent;
  }

  #consume(events: readonly LogEvent[], alreadyInLog = 0): void {
    this.#storing = 0;
    this.log.push(...events.slice(alreadyInLog));
    this.#note(this.execution.consume(events));
  }

  #note(fault: ExecutionFault | null): void {
    this.fault ??= fault;
  }

  /** The correlation id behind `name#ordinal`, `sleep#ordinal` or `hook#ordinal`. */
  idOf(label: string): string {
    for (const event of this.log) {
      if (labelOf(event) === label) return event.correlationId ?? fail(`${label} has no id`);
    }
    return fail(`the log has no ${label}; it has ${this.log.map(labelOf).join(", ")}`);
  }

  /** A fresh execution of this run at position 1. */
  openExecution(
    realm: Realm,
    options: { readonly memo?: HydrationMemo | null; readonly trace?: boolean } = {},
  ): Execution {
    const created = this.log[0] as LogEvent<"run_created">;
    const runId = created.data.rootRunId;
    return Execution.open({ runId, created, realm, memo: options.memo ?? null, trace: options.trace ?? false });
  }

  /** Everything that the log's decisions say, in order. */
  trace(): Trace {
    return { decisions: this.log.filter(isDecision).map(describe), lines: this.lines };
  }

  /** The labels of the decisions after `run_started`, in order. */
  decisions(): string[] {
    return this.log.filter(isDecision).map((event) => labelOf(event));
  }

  /** The value of `run_completed`. */
  result(): unknown {
    const end = this.log.at(-1);
    if (end?.type !== "run_completed") fail(`the run did not complete: ${describe(end ?? fail("empty log"))}`);
    return hydrate(end.payload ?? fail("no payload"));
  }

  /** The error and the code of `run_failed`. */
  failure(): { readonly code: string; readonly error: unknown } {
    const end = this.log.at(-1);
    if (end?.type !== "run_failed") fail(`the run did not fail: ${describe(end ?? fail("empty log"))}`);
    return { code: end.data.code, error: hydrate(end.payload ?? fail("no payload")) };
  }

  /**
   * Replays the log in every way that there is: at once, event by event, from every prefix, with a memo and without, in the
   * realm that other executions have used and in one of its own. All must be without fault and print the same lines.
   */
  replaysEqually(): this {
    deepStrictEqual(this.fault, null);
    const rest = this.log.slice(1);
    const own = realmFor(this.bundle, "run");
    deepStrictEqual(replay(this.openExecution(own), [rest]), this.lines, "at once in a realm of its own");
    deepStrictEqual(replay(this.openExecution(this.#realm), [rest]), this.lines, "at once");
    const pieces = rest.map((event) => [event]);
    deepStrictEqual(replay(this.openExecution(this.#realm), pieces), this.lines, "one by one");
    const memo = new HydrationMemo();
    for (let cut = 1; cut <= this.log.length; cut++) {
      const execution = this.openExecution(this.#realm, { memo });
      deepStrictEqual(execution.consume(this.log.slice(1, cut)), null, `prefix of ${cut}`);
      this.#isContinuedBy(execution, cut);
      deepStrictEqual(execution.consume(this.log.slice(cut)), null, `rest after ${cut}`);
      deepStrictEqual(execution.consumed, this.log.length);
    }
    return this;
  }

  /** Prefix monotonicity: what a prefix made the code decide is what the whole log holds next. */
  #isContinuedBy(execution: Execution, cut: number): void {
    const rest = this.log.slice(cut).filter((event) => isDecision(event) || event.type === "hook_conflict");
    const planned = execution.planned();
    for (const [index, decision] of planned.entries()) {
      const recorded = rest[index];
      if (recorded === undefined) break;
      deepStrictEqual(decision.correlationId, recorded.correlationId, `prefix of ${cut}, decision ${index}`);
    }
  }
}

/** Consumes the log in these pieces; gives the console lines. */
function replay(execution: Execution, pieces: readonly (readonly LogEvent[])[]): string[] {
  const lines: string[] = [];
  for (const piece of pieces) {
    deepStrictEqual(execution.consume(piece), null);
    lines.push(...execution.takeConsole().map((line) => `${line.level}: ${line.text}`));
  }
  deepStrictEqual(execution.planned(), []);
  return lines;
}

const isDecision = (event: LogEvent): boolean => isDecisionType(event.type);

function labelOf(event: LogEvent): string {
  return operationName(event)?.replace(" #", "#") ?? event.type;
}

/** One line that names an event, its cause, its clock and its content. */
function describe(event: LogEvent): string {
  const payload = event.payload === null ? "" : ` ${JSON.stringify(hydrate(event.payload))}`;
  return `${labelOf(event)} cause=${event.cause} at=${event.at}${payload}`;
}
