/**
 * The guest: our own code inside the realm. The host evaluates it once per realm, calls `boot`, and from then on calls the
 * functions of the port that `boot` returns.
 */
import { HookConflictError, UndecodableError } from "@perdure/errors";
import type { DeliveryResult, GuestExecution, GuestPort, GuestState, OpenArguments, ValueKind } from "../guest-port.ts";
import { guestApi } from "./api.ts";
import { decodeStaged, stage } from "./encoding.ts";
import { createExecutionGlobal, prepareExecutionGlobal } from "./globals/execution-global.ts";
import { installGlobals } from "./globals/install.ts";
import { harden } from "./harden.ts";
import { Hook } from "./hook.ts";
import { enter, leave, OrchestratorContext } from "./orchestrator-context.ts";
import { type BundleFunction, conclude, startWorkflow } from "./outcome.ts";

/** Makes the realm ready. `shared`: several executions will live in it, so everything that they share is frozen. */
export function boot(shared: boolean): GuestPort {
  installGlobals();
  if (shared) harden([guestApi, Hook, prepareExecutionGlobal()]);
  return {
    promisePrototype: Promise.prototype,
    open: (...args: OpenArguments) => new OrchestratorContext(...args),
    stage,
    start: (execution, position, at, bundle, workflowId, text) =>
      start(execution, position, at, bundle as BundleFunction, workflowId, text, shared),
    settle,
    conflict,
    rest,
    problem: () => problem,
  };
}

let problem = "";

function start(
  execution: GuestExecution,
  position: number,
  at: number,
  bundle: BundleFunction,
  workflowId: string,
  text: string,
  shared: boolean,
): DeliveryResult {
  const context = execution as OrchestratorContext;
  enter(context, position, at);
  context.startedAt = at;
  const args = decodeOrReport(() => decodeStaged(text));
  if (args === undecodable) return "undecodable";
  if (!Array.isArray(args)) {
    problem = "The input is not a list of arguments.";
    return "undecodable";
  }
  const scope = shared ? createExecutionGlobal() : globalThis;
  startWorkflow(context, bundle, [scope, scope, scope, guestApi], workflowId, args);
  return "done";
}

function settle(
  execution: GuestExecution,
  position: number,
  at: number,
  key: string,
  ok: boolean,
  kind: ValueKind,
  value: unknown,
): DeliveryResult {
  const context = execution as OrchestratorContext;
  enter(context, position, at);
  const decoded = kind === "text" ? decodeOrReport(() => decodeStaged(value as string)) : value;
  if (decoded === undecodable) return "undecodable";
  const pending = context.pending.get(key);
  // An operation that the code did not ask for: the host finds it when it matches the log's decisions.
  if (pending === undefined) return "done";
  if (!key.startsWith("hook:")) context.pending.delete(key);
  if (ok) pending.resolve(decoded);
  else pending.reject(decoded);
  return "done";
}

const undecodable = Symbol("undecodable");

function decodeOrReport(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (!UndecodableError.is(error)) throw error;
    problem = error.message;
    return undecodable;
  }
}

function conflict(
  execution: GuestExecution,
  position: number,
  at: number,
  key: string,
  conflictingRunId: string,
): void {
  const context = execution as OrchestratorContext;
  enter(context, position, at);
  const pending = context.pending.get(key);
  context.pending.delete(key);
  const place = { hook: key.replace(":", " "), isSameRun: conflictingRunId === context.runId };
  if (pending !== undefined) pending.reject(new HookConflictError(pending.token ?? "", conflictingRunId, place));
}

function rest(execution: GuestExecution): GuestState {
  const state = conclude(execution as OrchestratorContext);
  leave();
  return state;
}
