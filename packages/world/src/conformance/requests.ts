/** Builders for the events and requests that the cases send. */
import type { ExecutorAppend, OutsideAppend } from "../append.ts";
import type { DecisionType, EventData, FactType, NewDecision, NewFact } from "../events.ts";
import type { CreateRequest, WorkerInfo } from "../world.ts";

export const workflowId = "workflow//orders.ts//process";

export const leaseMs = 10_000;

export const worker = (id: string, workflows: readonly string[] = [workflowId]): WorkerInfo => ({
  id,
  leaseMs,
  workflows,
});

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const text = (payload: Uint8Array | null | undefined): string | null =>
  payload === null || payload === undefined ? null : new TextDecoder().decode(payload);

/** SHA-256 values in form only: worlds never look into them. */
export const tokenHash = (name: string): string =>
  Array.from(name.padEnd(32, "."), (letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");

export interface CreateParts {
  readonly key?: string | null;
  readonly workflowId?: string;
  readonly input?: Uint8Array;
  readonly eager?: CreateRequest["eager"];
}

export function createRequest(runId: string, parts: CreateParts = {}): CreateRequest {
  return {
    runId,
    created: {
      specVersion: 1,
      guestAbi: 1,
      bundleId: "bndl_1",
      workflowId: parts.workflowId ?? workflowId,
      workflowName: "process",
      seed: "5e".repeat(32),
      isolation: "shared",
      locale: "en-US",
      timeZone: "UTC",
      node: "v24.10.0",
      icu: "77.1",
      key: parts.key ?? null,
      parentRunId: null,
      rootRunId: runId,
      trace: null,
      inputDigest: "v1:input",
    },
    input: parts.input ?? bytes("input"),
    eager: parts.eager ?? null,
  };
}

export function fact<T extends FactType>(
  type: T,
  correlationId: string | null,
  data: EventData[T],
  payload: Uint8Array | null = null,
): NewFact {
  // The union of facts cannot be narrowed by a type parameter; the signature pairs type and data.
  return { type, correlationId, at: null, data, payload } as NewFact;
}

export const at = (moment: number, event: NewFact): NewFact => ({ ...event, at: moment });

export const runStarted = (): NewFact => fact("run_started", null, {});

export const stepStarted = (id: string, delivery: number, attempt = 1): NewFact =>
  fact("step_started", id, { attempt, delivery });

export const stepCompleted = (id: string, result = "result", attempt = 1, delivery = 1): NewFact =>
  fact("step_completed", id, { attempt, delivery }, bytes(result));

export const stepFailed = (id: string, attempt = 1, delivery = 1): NewFact =>
  fact("step_failed", id, { attempt, delivery, code: "USER_ERROR" }, bytes("error"));

export const stepRetrying = (id: string, attempt: number, retryAt: number): NewFact =>
  fact("step_retrying", id, { attempt, retryAt }, bytes("error"));

export const waitCompleted = (id: string): NewFact => fact("wait_completed", id, {});

/** A decision that still has to be told which fact caused it. */
export type DecisionDraft = (cause: { readonly position: number; readonly at: number }) => NewDecision;

export function decision<T extends DecisionType>(
  type: T,
  correlationId: string | null,
  data: EventData[T],
  payload: Uint8Array | null = null,
): DecisionDraft {
  // As for facts: the signature pairs type and data.
  return (cause) => ({ type, correlationId, at: cause.at, cause: cause.position, data, payload }) as NewDecision;
}

export const stepId = "step//orders.ts//charge";

export function stepCreated(
  id: string,
  dispatch: "inline" | "background" = "inline",
  calledStepId = stepId,
): DecisionDraft {
  const data = { stepId: calledStepId, name: "charge", ordinal: 1, inputDigest: "v1:args" } as const;
  return decision("step_created", id, { ...data, shape: "(order)", dispatch, attempt: 1 }, bytes(`args of ${id}`));
}

export const sleepFor = (id: string, durationMs: number): DecisionDraft =>
  decision("wait_created", id, { ordinal: 1, durationMs, resumeAt: null });

export const sleepUntil = (id: string, resumeAt: number): DecisionDraft =>
  decision("wait_created", id, { ordinal: 1, durationMs: null, resumeAt });

export const hookCreated = (id: string, token: string): DecisionDraft =>
  decision("hook_created", id, { ordinal: 1, tokenHash: tokenHash(token) }, bytes("metadata"));

export const hookDisposed = (id: string): DecisionDraft => decision("hook_disposed", id, {});

export const runCompleted = (result = "done"): DecisionDraft => decision("run_completed", null, {}, bytes(result));

export const runFailed = (): DecisionDraft => decision("run_failed", null, { code: "USER_ERROR" }, bytes("thrown"));

export const received = (hookId: string, payload: string, key: string): OutsideAppend => ({
  by: "outside",
  key,
  fact: {
    type: "hook_received",
    correlationId: hookId,
    at: null,
    data: { ordinal: 0 },
    payload: bytes(payload),
  },
});

/** What an executor sends about the first start of a step, or about the one that is named. */
export const reported = (
  result: NewFact,
  { key = "result", attempt = 1, delivery = 1 }: { key?: string; attempt?: number; delivery?: number } = {},
): ExecutorAppend => ({ by: "executor", key, attempt, delivery, fact: result as ExecutorAppend["fact"] });

export const cancelled = (key = "cancel", reason: string | null = null): OutsideAppend => ({
  by: "outside",
  key,
  fact: { type: "run_cancelled", correlationId: null, at: null, data: { reason }, payload: null },
});
