/**
 * What the host and the guest agree on: the functions of the guest that the host calls, and the records that it reads.
 *
 * Everything that crosses is a primitive, except opaque handles of objects that belong to the realm: the host passes them
 * back and never hands one of its own objects in. Types only; both sides import this file.
 */

/** Version of this agreement. It is stored with every bundle and with every run. */
export type GuestAbi = 1;

/** An execution as the guest keeps it. The host reads these fields and writes none. */
export interface GuestExecution {
  /** Decisions that the host has not taken yet, in order. */
  readonly decisions: GuestDecision[];
  /** Console lines that the host has not taken yet, in order. */
  readonly lines: GuestLine[];
}

/** One decision, in primitives. Fields that a kind does not use are null. */
export interface GuestDecision {
  readonly type: "step_created" | "wait_created" | "hook_created" | "hook_disposed" | "run_completed" | "run_failed";
  /** What the guest calls the operation: `step:<stepId>#<ordinal>`, `wait:#<n>`, `hook:#<n>`; empty for the run itself. */
  readonly key: string;
  /** Position of the fact during whose delivery it was made, and the log clock of that fact. */
  readonly cause: number;
  readonly at: number;
  readonly ordinal: number;
  readonly stepId: string | null;
  readonly name: string | null;
  readonly shape: string | null;
  /** Arguments, metadata, result or error, as encoded text. */
  readonly text: string | null;
  /** The same without the stacks of errors, when there are any; what the digest is made of. */
  readonly canonicalText: string | null;
  /** Binary parts of the text: arrays of the realm, to be copied by the host. */
  readonly blobs: readonly Uint8Array[];
  readonly durationMs: number | null;
  readonly resumeAt: number | null;
  readonly token: string | null;
  /** `RunFailureCode` of a `run_failed`. */
  readonly code: string | null;
  /** Stack of the call, when the execution is traced. */
  readonly stack: string | null;
}

export type ConsoleLevel = "debug" | "error" | "info" | "log" | "warn";

/** One console line with the position of the fact during whose delivery it was written. */
export interface GuestLine {
  readonly level: ConsoleLevel;
  readonly text: string;
  readonly position: number;
}

/** How an execution stands when the realm has come to rest. */
export type GuestState = "waiting" | "ended" | "overflow";

/** What became of a delivery. `undecodable` carries the sentence in `GuestPort.problem`. */
export type DeliveryResult = "done" | "undecodable";

/** What an execution is opened with. */
export type OpenArguments = [
  runId: string,
  workflowName: string,
  seedHex: string,
  locale: string,
  timeZone: string,
  trace: boolean,
];

/** A value that a fact brings: a primitive as it is, or text with the staged binary parts. */
export type ValueKind = "primitive" | "text";

/** The guest's side of the boundary. */
export interface GuestPort {
  readonly promisePrototype: object;
  open(...args: OpenArguments): GuestExecution;
  /** An array of the realm that the host fills; the next value with text takes what was staged. */
  stage(size: number): Uint8Array;
  /** Evaluates the bundle and calls the workflow. */
  start(
    execution: GuestExecution,
    position: number,
    at: number,
    bundle: object,
    workflowId: string,
    text: string,
  ): DeliveryResult;
  /** Settles a step, a sleep, or gives a hook its payload; `ok` false rejects. */
  settle(
    execution: GuestExecution,
    position: number,
    at: number,
    key: string,
    ok: boolean,
    kind: ValueKind,
    value: unknown,
  ): DeliveryResult;
  /** The hook's token belongs to another run. */
  conflict(execution: GuestExecution, position: number, at: number, key: string, conflictingRunId: string): void;
  /** To be called when the realm's jobs have run: ends the delivery and says how the execution stands. */
  rest(execution: GuestExecution): GuestState;
  /** The sentence of the last undecodable value. */
  problem(): string;
}
