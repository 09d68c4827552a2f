/** How a workflow function starts and ends: its result or its error becomes the terminal decision. */
import { codeOf, InvariantError, type RunFailureCode, WorkflowStuckError } from "@perdure/errors";
import type { GuestState } from "../guest-port.ts";
import { encodeValue } from "./encoding.ts";
import { explainMissing } from "./globals/forbidden.ts";
import type { OrchestratorContext, Outcome } from "./orchestrator-context.ts";

/** What a bundle returns: its workflow functions by id. */
export type BundleFunction = (...parameters: readonly unknown[]) => Readonly<Record<string, unknown>>;

/** Evaluates the bundle for this execution and calls its workflow. Never throws: what fails here fails the run. */
export function startWorkflow(
  context: OrchestratorContext,
  bundle: BundleFunction,
  parameters: readonly unknown[],
  workflowId: string,
  args: readonly unknown[],
): void {
  const run = async (): Promise<unknown> => {
    const workflows = bundle(...parameters);
    context.phase = "running";
    const workflow = workflows[workflowId];
    if (typeof workflow !== "function") throw new InvariantError(`The bundle holds no workflow ${workflowId}.`);
    return await (workflow as (...args: readonly unknown[]) => unknown)(...args);
  };
  run().then(
    (value) => {
      context.outcome = completed(context, value);
    },
    (error: unknown) => {
      context.outcome = failed(error);
    },
  );
}

function completed(context: OrchestratorContext, value: unknown): Outcome {
  try {
    return { kind: "completed", value: encodeValue(value, `the result of workflow ${context.workflowName}`) };
  } catch (error) {
    return failed(error);
  }
}

/** The failure of what was thrown. A Proxy may throw whenever it is looked at; then only that much is recorded. */
function failed(thrown: unknown): Outcome {
  try {
    if (isStackOverflow(thrown)) return { kind: "overflow" };
    const error = explainMissing(thrown) ?? thrown;
    return { kind: "failed", code: failureCode(error), value: encodeError(error) };
  } catch {
    return { kind: "failed", code: "USER_ERROR", value: encodeError(new Error(indescribable)) };
  }
}

const indescribable = "a value that cannot be described";

const codes: Readonly<Record<string, RunFailureCode>> = {
  WORKFLOW_STUCK: "WORKFLOW_STUCK",
  SERIALIZATION_FAILED: "SERIALIZATION_FAILED",
  STEP_LOST: "STEP_LOST",
  INVARIANT: "RUNTIME_ERROR",
};

function failureCode(error: unknown): RunFailureCode {
  const code = codeOf(error);
  return (code === undefined || !Object.hasOwn(codes, code) ? undefined : codes[code]) ?? "USER_ERROR";
}

// The depth at which the stack ends depends on the version of Node and on who called, so this is no result of the program.
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message === "Maximum call stack size exceeded";
}

function encodeError(error: unknown) {
  try {
    return encodeValue(error, "the error of the workflow", { unstorableErrorParts: "omit" });
  } catch {
    return encodeValue(describeError(error), "the error of the workflow");
  }
}

/** A plain error that says what was thrown, for a thrown value that holds something that cannot be stored. */
function describeError(error: unknown): Error {
  const plain = new Error(textOf(() => (error instanceof Error ? error.message : String(error))));
  if (!(error instanceof Error)) return plain;
  const name = textOf(() => error.name);
  const stack = textOf(() => error.stack);
  Object.defineProperty(plain, "name", { value: name, writable: true, configurable: true });
  Object.defineProperty(plain, "stack", { value: stack, writable: true, configurable: true });
  return plain;
}

function textOf(read: () => unknown): string {
  try {
    return String(read());
  } catch {
    return indescribable;
  }
}

/**
 * The realm has come to rest: makes the terminal decision when the function has ended, or when it can never end. It comes
 * after every other decision of the delivery.
 */
export function conclude(context: OrchestratorContext): GuestState {
  if (context.phase === "closed") return "ended";
  if (context.outcome === null && context.pending.size > 0) return "waiting";
  const outcome = context.outcome ?? stuck(context);
  context.phase = "closed";
  context.pending.clear();
  if (outcome.kind === "overflow") return "overflow";
  const type = outcome.kind === "completed" ? "run_completed" : "run_failed";
  context.decide({ type, key: "", code: outcome.kind === "failed" ? outcome.code : null, ...outcome.value });
  return "ended";
}

function stuck(context: OrchestratorContext): Outcome {
  const last = context.lastOperation;
  return failed(new WorkflowStuckError(last === null ? {} : { after: last }));
}
