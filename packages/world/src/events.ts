/**
 * The event vocabulary of the log, and the names that are reserved in it.
 *
 * A *fact* is something that happened outside of the workflow function; it is delivered to the code and moves the log
 * clock. A *decision* is what the code decided on delivery of a fact; it can be derived again from the facts before it.
 * Payloads are opaque bytes here: `@perdure/serde` makes and reads them.
 */

/** The version of the log's format that this package writes, and the newest that it reads. */
export const specVersion = 1;

/** A step, wait or hook is named in the log by an id of its own kind. */
export type EntityKind = "step" | "wait" | "hook";

/** What each event carries beside the common fields. Every value is plain JSON. */
export interface EventData {
  run_created: RunCreatedData;
  run_started: EmptyData;
  run_completed: EmptyData;
  run_failed: { readonly code: string };
  run_cancelled: { readonly reason: string | null };
  step_created: StepCreatedData;
  step_started: { readonly attempt: number; readonly delivery: number };
  step_completed: { readonly attempt: number; readonly delivery: number };
  step_failed: { readonly attempt: number; readonly delivery: number; readonly code: string };
  step_retrying: { readonly attempt: number; readonly retryAt: number };
  wait_created: WaitCreatedData;
  wait_completed: EmptyData;
  hook_created: HookCreatedData;
  hook_conflict: { readonly tokenHash: string; readonly conflictingRunId: string };
  hook_received: { readonly ordinal: number };
  hook_disposed: EmptyData;
}

/** An event that says all by its type. */
export type EmptyData = Readonly<Record<never, never>>;

/** The type of an event that this version reads and writes. */
export type EventType = keyof EventData;

/** Everything that a replay needs to know about a run, fixed at its creation. */
export interface RunCreatedData {
  readonly specVersion: number;
  /** Version of the interface between the engine and the guest code that was stored with the bundle. */
  readonly guestAbi: number;
  readonly bundleId: string;
  readonly workflowId: string;
  readonly workflowName: string;
  /** 32 random bytes as lower-case hex; every random draw of the workflow derives from it. */
  readonly seed: string;
  readonly isolation: IsolationMode;
  readonly locale: string;
  readonly timeZone: string;
  /** Versions for information; they never decide anything. */
  readonly node: string;
  readonly icu: string;
  readonly namespace: string;
  readonly key: string | null;
  readonly parentRunId: string | null;
  readonly rootRunId: string;
  /** W3C `traceparent` of the caller, when there was one. */
  readonly trace: string | null;
  readonly inputDigest: string;
}

/** `shared`: executions of one bundle share a hardened realm. `run`: the run has a realm of its own. */
export type IsolationMode = "shared" | "run";

/** A step call as the workflow code made it. The payload holds the arguments. */
export interface StepCreatedData {
  readonly stepId: string;
  /** Readable name of the step function. */
  readonly name: string;
  /** How many times this name was called in the run, this call included. */
  readonly ordinal: number;
  readonly inputDigest: string;
  /** The parameters that the bundle's build knew, e.g. `(order,retries)`; null when unknown. */
  readonly shape: string | null;
  /** `inline`: run by the driver. `background` is reserved. */
  readonly dispatch: "inline" | "background";
  readonly attempt: 1;
}

/** A durable sleep: a duration of 0 or more, or a moment; the store fills in `resumeAt` for a duration, rounded up. */
export interface WaitCreatedData {
  readonly ordinal: number;
  readonly durationMs: number | null;
  /** Milliseconds since the epoch by the store's clock; null only in a request that gives a duration. */
  readonly resumeAt: number | null;
}

/** A hook. The token itself is a secret, so the log holds its SHA-256 only. The payload holds the metadata. */
export interface HookCreatedData {
  readonly ordinal: number;
  readonly tokenHash: string;
}

/** Facts: what happened outside. Exactly these are delivered to workflow code. */
export const factTypes = [
  "run_created",
  "run_started",
  "run_cancelled",
  "step_started",
  "step_completed",
  "step_failed",
  "step_retrying",
  "wait_completed",
  "hook_received",
  "hook_conflict",
] as const satisfies readonly EventType[];

/** Decisions: what the workflow code decided. */
export const decisionTypes = [
  "run_completed",
  "run_failed",
  "step_created",
  "wait_created",
  "hook_created",
  "hook_disposed",
] as const satisfies readonly EventType[];

/** The events that end a run. Nothing follows one. */
export const terminalTypes = ["run_completed", "run_failed", "run_cancelled"] as const satisfies readonly EventType[];

/** Names that later versions will write. This version parks a run whose log holds one. */
export const reservedEventTypes = ["attr_set", "abort_requested", "run_moved", "child_started", "patch"] as const;

/** The type of a fact. */
export type FactType = (typeof factTypes)[number];
/** The type of a decision. */
export type DecisionType = (typeof decisionTypes)[number];
/** The type of an event that ends a run. */
export type TerminalType = (typeof terminalTypes)[number];

const facts: ReadonlySet<string> = new Set(factTypes);
const decisions: ReadonlySet<string> = new Set(decisionTypes);
const terminals: ReadonlySet<string> = new Set(terminalTypes);

/** True for a fact, false for a decision or a name that this version does not know. */
export const isFactType = (type: string): type is FactType => facts.has(type);
/** True for a decision, false for a fact or a name that this version does not know. */
export const isDecisionType = (type: string): type is DecisionType => decisions.has(type);
/** True for an event that ends a run. */
export const isTerminalType = (type: string): type is TerminalType => terminals.has(type);
/** True for a type that this version reads and writes. */
export const isKnownEventType = (type: string): type is EventType => facts.has(type) || decisions.has(type);

/** One event as it stands in a run's log. Immutable. */
export type LogEvent<T extends EventType = EventType> = { [K in T]: LogEventOf<K> }[T];

/** The shape of a log event of one type. */
export interface LogEventOf<T extends EventType> {
  readonly type: T;
  /** 1-based, dense. The event id is derived from it: see `eventId`. */
  readonly position: number;
  /** `step_…`, `wait_…` or `hook_…`; null for the events of the run itself. */
  readonly correlationId: string | null;
  /** The log clock in milliseconds since the epoch: for a decision, that of the fact that caused it. */
  readonly at: number;
  /** Store clock at commit, in milliseconds since the epoch; for people, never for decisions. */
  readonly committedAt: number;
  /**
   * Position of the last fact that was delivered before this decision was made; null for facts, except for
   * `hook_conflict`, which keeps the cause of the decision in whose place it stands.
   */
  readonly cause: number | null;
  /** Epoch of the driver that wrote it; null when an outside writer did. */
  readonly epoch: number | null;
  /** Idempotency key of the outside writer; null for a driver's events. */
  readonly key: string | null;
  readonly data: EventData[T];
  readonly payload: Uint8Array | null;
}

/** A fact on its way into the log. `at` is chosen by the driver when it appends speculatively, else by the store. */
export type NewFact<T extends FactType = FactType> = { [K in T]: NewFactOf<K> }[T];

/** The shape of a new fact of one type. */
export interface NewFactOf<T extends FactType> {
  readonly type: T;
  readonly correlationId: string | null;
  readonly at: number | null;
  readonly data: EventData[T];
  readonly payload: Uint8Array | null;
}

/** A decision on its way into the log, with the position and the log clock of the fact that caused it. */
export type NewDecision<T extends DecisionType = DecisionType> = { [K in T]: NewDecisionOf<K> }[T];

/** The shape of a new decision of one type. */
export interface NewDecisionOf<T extends DecisionType> {
  readonly type: T;
  readonly correlationId: string | null;
  readonly at: number;
  readonly cause: number;
  readonly data: EventData[T];
  readonly payload: Uint8Array | null;
}
