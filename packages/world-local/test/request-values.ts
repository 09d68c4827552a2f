/** Builders for what the tests of this package, and their child processes, send. */
import type { CreateRequest, NewFact, OutsideAppend, StreamAppend, WorkerInfo } from "@perdure/world";

export const workflowId = "workflow//orders.ts//process";
export const worker: WorkerInfo = { id: "worker-a", leaseMs: 60_000, workflows: [workflowId] };

export const id = (kind: string, n: number): string => `${kind}_${String(n).padStart(26, "0")}`;

export function creation(n: number, parts: Partial<CreateRequest> = {}): CreateRequest {
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
    },
    input: new Uint8Array([1, 2, 3]),
    eager: null,
    ...parts,
  };
}

/** A creation that a worker claims, and that asks for one hook or nothing. */
export function eagerCreation(
  n: number,
  hookToken: string | null = null,
  workerId = worker.id,
  at = Date.now(),
): CreateRequest {
  const started: NewFact = { type: "run_started", correlationId: null, at, data: {}, payload: null };
  const decisions =
    hookToken === null
      ? []
      : [
          {
            type: "hook_created",
            correlationId: id("hook", n),
            at,
            cause: 2,
            data: { ordinal: 1, tokenHash: hookToken },
            payload: null,
          } as const,
        ];
  return creation(n, { eager: { worker: workerId, facts: [started], decisions, release: null } });
}

export const stepId = "step//orders.ts//charge";

/** A creation that a worker claims, and that asks for one background step. */
export function eagerStep(n: number, at = Date.now()): CreateRequest {
  const started: NewFact = { type: "run_started", correlationId: null, at, data: {}, payload: null };
  const called = {
    type: "step_created",
    correlationId: id("step", n),
    at,
    cause: 2,
    data: { stepId, name: "charge", ordinal: 1, inputDigest: "1:a", shape: null, dispatch: "background", attempt: 1 },
    payload: null,
  } as const;
  return creation(n, { eager: { worker: worker.id, facts: [started], decisions: [called], release: null } });
}

export function payloadFor(n: number, key: string, payload: Uint8Array = new Uint8Array([9])): OutsideAppend {
  const correlationId = id("hook", n);
  return {
    by: "outside",
    key,
    fact: { type: "hook_received", correlationId, at: null, data: { ordinal: 0 }, payload },
  };
}

export const cancellation = (key = "cancel"): OutsideAppend => ({
  by: "outside",
  key,
  fact: { type: "run_cancelled", correlationId: null, at: null, data: { reason: null }, payload: null },
});

/** Chunks of the stream `out`, by a writer that is no step. */
export const streamBatch = (
  n: number,
  chunks: readonly string[],
  close: StreamAppend["close"] = null,
): StreamAppend => ({
  name: "out",
  writer: { by: "outside", key: "writer" },
  n,
  chunks: chunks.map((chunk) => Buffer.from(chunk)),
  close,
});
