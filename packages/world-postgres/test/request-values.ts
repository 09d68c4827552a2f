/** Builders for what the tests of this package, and their child processes, send. */
import type {
  CreateRequest,
  DriverAppend,
  NewDecision,
  NewFact,
  OutsideAppend,
  StreamAppend,
  StreamWriter,
  WorkerInfo,
} from "@perdure/world";

const workflowId = "workflow//orders.ts//process";
export const worker: WorkerInfo = { id: "worker-a", leaseMs: 60_000, workflows: [workflowId] };

export const id = (kind: string, n: number): string => `${kind}_${String(n).padStart(26, "0")}`;

export function creation(n: number, created: Partial<CreateRequest["created"]> = {}): CreateRequest {
  const runId = id("wrun", n);
  return {
    runId,
    created: {
      specVersion: 1,
      guestAbi: 1,
      bundleId: "bundle_1",
      workflowId,
      workflowName: "process",
      seed: "5e".repeat(32),
      isolation: "shared",
      locale: "en-US",
      timeZone: "UTC",
      node: "v24.10.0",
      icu: "77.1",
      key: null,
      parentRunId: null,
      rootRunId: runId,
      trace: null,
      inputDigest: "v1:input",
      ...created,
    },
    input: new Uint8Array([1, 2, 3]),
    eager: null,
  };
}

/** A creation that a worker claims, and that asks for one hook or nothing. */
export function eagerCreation(n: number, hookToken: string | null = null, at = Date.now()): CreateRequest {
  const started: NewFact = { type: "run_started", correlationId: null, at, data: {}, payload: null };
  const decisions = hookToken === null ? [] : [hookCreated(n, hookToken, at)];
  return { ...creation(n), eager: { worker: worker.id, facts: [started], decisions, release: null } };
}

export const hookCreated = (n: number, tokenHash: string, at: number, cause = 2): NewDecision => ({
  type: "hook_created",
  correlationId: id("hook", n),
  at,
  cause,
  data: { ordinal: 1, tokenHash },
  payload: null,
});

export const hookDisposed = (n: number, at: number): NewDecision => ({
  type: "hook_disposed",
  correlationId: id("hook", n),
  at,
  cause: 2,
  data: {},
  payload: null,
});

/** A driver's append under its first claim. */
export const driverAppend = (n: number, after: number, parts: Partial<DriverAppend> = {}): DriverAppend => ({
  by: "driver",
  epoch: 1,
  n,
  ifTail: null,
  after,
  facts: [],
  decisions: [],
  release: null,
  ...parts,
});

export function payloadFor(n: number, key: string, payload: Uint8Array = new Uint8Array([9])): OutsideAppend {
  const correlationId = id("hook", n);
  return {
    by: "outside",
    key,
    fact: { type: "hook_received", correlationId, at: null, data: { ordinal: 0 }, payload },
  };
}

export const cancellation = (key = "cancel", reason: string | null = null): OutsideAppend => ({
  by: "outside",
  key,
  fact: { type: "run_cancelled", correlationId: null, at: null, data: { reason }, payload: null },
});

export const stepCreated = (n: number, at: number, cause = 2): NewDecision => ({
  type: "step_created",
  correlationId: id("step", n),
  at,
  cause,
  data: {
    stepId: "step//orders.ts//charge",
    name: "charge",
    ordinal: 1,
    inputDigest: "v1:args",
    shape: "(order)",
    dispatch: "inline",
    attempt: 1,
  },
  payload: new Uint8Array([4]),
});

/** The execution of a step's body as a writer of a stream. */
export const bodyOf = (n: number, delivery = 1, attempt = 1): StreamWriter => {
  return { by: "step", step: id("step", n), attempt, delivery };
};

export const outsider = (key: string): StreamWriter => ({ by: "outside", key });

/** Chunks of the stream `out`. */
export function streamBatch(
  writer: StreamWriter,
  n: number,
  chunks: readonly string[],
  parts: Partial<StreamAppend> = {},
): StreamAppend {
  return { name: "out", writer, n, chunks: chunks.map((chunk) => Buffer.from(chunk)), close: null, ...parts };
}
