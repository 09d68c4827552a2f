/**
 * Runs one start of a step body and says what came of it. It never throws: whatever the body does becomes an outcome.
 *
 * The body runs with the step's metadata in an AsyncLocalStorage of ours and with nothing of its caller's, whoever that
 * happens to be.
 */
import { FatalError, PerdureError, RetryableError, SerializationError } from "@perdure/errors";
import { dehydrate, encode, hydrate, packPayload } from "@perdure/serde";
import { runInRootScope } from "../realm/root-scope.ts";
import type { StepTask } from "../run/machine-io.ts";
import { maxRetriesDefault, retryDelay } from "../run/retry-policy.ts";
import type { StepOutcome } from "../run/step-outcome.ts";
import { runInStepContext, type StepContext } from "./context.ts";
import { durationMs } from "./duration.ts";
import { hasStep, otherShape, type RegisteredStep, type StepFunction, stepById } from "./registry.ts";

export interface StepEnvironment {
  now(): number;
  random(): number;
}

export async function executeStep(task: StepTask, context: StepContext, env: StepEnvironment): Promise<StepOutcome> {
  const { stepId, name, ordinal, shape } = task.created.data;
  if (!hasStep(stepId)) {
    return { kind: "unregistered", detail: `Step ${stepId} (${name} #${ordinal}) is not registered in this process.` };
  }
  const step = stepById(stepId);
  const own = otherShape(stepId, shape);
  if (own !== null) {
    const detail = `Step ${stepId} (${name} #${ordinal}) was called with the parameters ${shape}, and takes ${own} in this process.`;
    return { kind: "reshaped", detail };
  }
  let args: unknown;
  try {
    args = hydrate(task.created.payload ?? new Uint8Array());
  } catch (error) {
    return { kind: "undecodable", detail: `The arguments of ${name} #${ordinal} cannot be read: ${nameOf(error)}.` };
  }
  try {
    const result = await runBody(step.fn, args as never[], context);
    return {
      kind: "completed",
      payload: dehydrate(result, `the result of step ${name} #${ordinal} (${step.file}:${step.line})`),
    };
  } catch (error) {
    return failure(error, step, task, env);
  }
}

function runBody(fn: StepFunction, args: never[], context: StepContext): Promise<unknown> {
  return runInRootScope(() => runInStepContext(context, async () => await fn(...args)));
}

function failure(error: unknown, step: RegisteredStep, task: StepTask, env: StepEnvironment): StepOutcome {
  if (SerializationError.is(error)) return final(error, "SERIALIZATION_FAILED");
  if (FatalError.is(error)) return final(error, "FATAL");
  const maxRetries = maxRetriesOf(step.fn);
  const delayMs = retryDelay({
    attempt: task.attempt,
    maxRetries,
    requestedMs: RetryableError.is(error) ? requestedDelay(error, env.now()) : null,
    random: env.random(),
  });
  if (delayMs !== null) return { kind: "retrying", payload: encodeError(error), delayMs };
  const text = error instanceof Error ? error.message : String(error);
  const retries = maxRetries === 1 ? "1 retry" : `${maxRetries} retries`;
  const wrapped = new FatalError(`Step "${step.id}" failed after ${retries}: ${text}`, { cause: error });
  // Its frames are ours; those of the body are in the cause.
  wrapped.stack = `${wrapped.name}: ${wrapped.message}`;
  return final(wrapped, "RETRIES_EXHAUSTED");
}

const final = (error: unknown, code: "FATAL" | "RETRIES_EXHAUSTED" | "SERIALIZATION_FAILED"): StepOutcome => ({
  kind: "failed",
  payload: encodeError(error),
  code,
});

/** The recorded form of whatever was thrown. What hangs on an error and cannot be stored is left out. */
export function encodeError(error: unknown): Uint8Array {
  try {
    return packPayload(encode(error, { what: "an error", unstorableErrorParts: "omit" }));
  } catch (refusal) {
    const found = SerializationError.is(refusal) ? refusal.message : "a value that cannot be stored";
    return dehydrate(new FatalError(`A step threw something that is no error. ${found}`), "an error");
  }
}

/** `fn.maxRetries` when it is a whole number of at least 0, else the default. */
function maxRetriesOf(fn: StepFunction): number {
  const { maxRetries } = fn as { maxRetries?: unknown };
  return typeof maxRetries === "number" && Number.isInteger(maxRetries) && maxRetries >= 0
    ? maxRetries
    : maxRetriesDefault;
}

function requestedDelay(error: RetryableError, now: number): number | null {
  try {
    const { retryAfter } = error;
    return retryAfter instanceof Date ? retryAfter.getTime() - now : durationMs(retryAfter);
  } catch {
    return null;
  }
}

const nameOf = (error: unknown): string => (error instanceof PerdureError ? error.code : "unknown error");
