/** Durable sleep. */
import { InvalidDurationError } from "@perdure/errors";
import { durationMs } from "../../step/duration.ts";
import { never, type OrchestratorContext, workflowContext } from "./orchestrator-context.ts";

/** The largest moment that a Date can hold, in milliseconds since the epoch; also the longest sleep. */
const timeMax = 8.64e15;

/**
 * Waits without holding anything: the run may be released and go on in another process. Takes milliseconds, text such as
 * `"5m"`, or the moment to go on at. Throws `InvalidDurationError` at once for anything else.
 */
export function sleep(duration: number | string | Date): Promise<void> {
  const context = workflowContext("sleep");
  const moment = duration instanceof Date ? momentOf(duration) : null;
  const ms = duration instanceof Date ? null : lengthOf(duration);
  if (context.phase === "closed") return never();
  return createWait(context, ms, moment);
}

function momentOf(date: Date): number {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new InvalidDurationError("An invalid Date");
  return ms;
}

function lengthOf(duration: unknown): number {
  if (typeof duration !== "number" && typeof duration !== "string") {
    throw new InvalidDurationError(duration === null ? "null" : `A value of type ${typeof duration}`);
  }
  const ms = durationMs(duration);
  if (ms > timeMax) throw new InvalidDurationError(String(duration));
  return ms;
}

/** Decides on a wait: for a duration, which the store counts from its own clock, or until a moment. */
export function createWait(
  context: OrchestratorContext,
  durationMs: number | null,
  resumeAt: number | null,
): Promise<void> {
  const ordinal = context.nextOrdinal("wait");
  const key = `wait:#${ordinal}`;
  context.decide({ type: "wait_created", key, ordinal, durationMs, resumeAt });
  context.lastOperation = `sleep #${ordinal}`;
  return context.wait(key) as Promise<void>;
}
