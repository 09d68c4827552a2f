import { nearestName } from "./nearest-name.ts";
import { codeOf, type ErrorLocation, PerdureError, type PerdureErrorOptions, sentenceOf } from "./perdure-error.ts";

/** Why a failed run failed: the workflow threw, it can never go on, or its result could not be stored. */
export type RunFailureCode = "USER_ERROR" | "WORKFLOW_STUCK" | "SERIALIZATION_FAILED" | "STEP_LOST" | "RUNTIME_ERROR";

/** `returnValue` of a run whose workflow threw; `cause` is the error that it threw. */
export class WorkflowRunFailedError extends PerdureError {
  readonly runId: string;
  readonly errorCode: string;

  constructor(runId: string, errorCode: string, cause: unknown, place: Omit<ErrorLocation, "runId"> = {}) {
    const text = cause instanceof Error || isErrorLike(cause) ? `${cause.name}: ${sentenceOf(cause)}` : String(cause);
    const known = PerdureError.is(cause) ? cause : undefined;
    const who = place.workflow === undefined ? "The run" : `Workflow ${place.workflow}`;
    super("RUN_FAILED", `${who} failed: ${text}`, {
      cause,
      where: { ...known?.where, ...place, runId },
      ...(known?.hint === undefined ? {} : { hint: known.hint }),
    });
    this.runId = runId;
    this.errorCode = errorCode;
  }

  static override is(value: unknown): value is WorkflowRunFailedError {
    return codeOf(value) === "RUN_FAILED";
  }
}

function isErrorLike(value: unknown): value is Error {
  return typeof value === "object" && value !== null && "message" in value && "name" in value;
}

/** `returnValue` of a run that was cancelled. */
export class WorkflowRunCancelledError extends PerdureError {
  readonly runId: string;

  constructor(runId: string, reason: string | null) {
    super("RUN_CANCELLED", reason === null ? "The run was cancelled." : `The run was cancelled: ${reason}`, {
      where: { runId },
    });
    this.runId = runId;
  }

  static override is(value: unknown): value is WorkflowRunCancelledError {
    return codeOf(value) === "RUN_CANCELLED";
  }
}

/** No run with this id in this world and namespace. */
export class WorkflowRunNotFoundError extends PerdureError {
  readonly runId: string;

  constructor(runId: string) {
    const isId = typeof runId === "string" && runId.startsWith("wrun_");
    super("RUN_NOT_FOUND", `There is no run ${String(runId)}.`, {
      hint: isId
        ? "Check the id, and that this process is configured for the world and the namespace that hold the run."
        : "The id of a run is `wrun_` and 26 letters and digits, as `run.runId` gives it.",
    });
    this.runId = runId;
  }

  static override is(value: unknown): value is WorkflowRunNotFoundError {
    return codeOf(value) === "RUN_NOT_FOUND";
  }
}

/** The run has already ended, so the request (cancel, unpark) came too late. */
export class WorkflowRunEndedError extends PerdureError {
  readonly runId: string;
  readonly status: string;

  constructor(runId: string, status: string) {
    super("RUN_ENDED", `The run has already ended: it is ${status}. Nothing was changed.`, { where: { runId } });
    this.runId = runId;
    this.status = status;
  }

  static override is(value: unknown): value is WorkflowRunEndedError {
    return codeOf(value) === "RUN_ENDED";
  }
}

/** What a parked run reports. Parked means: alive, nothing lost, waiting for an operator or a deploy. */
export interface ParkedInfo {
  readonly reason: string;
  /** What was found, in sentences. */
  readonly detail: string;
  readonly position: number | null;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

/** `returnValue` of a run that is parked: it cannot go on by itself, and nothing of it is lost. */
export class RunParkedError extends PerdureError {
  readonly runId: string;
  readonly reason: string;
  readonly parked: ParkedInfo;

  /** `hint` is what to do about this reason: `parkedHint` knows it. */
  constructor(runId: string, parked: ParkedInfo, hint = "Mend the cause, then unpark the run, or cancel it.") {
    super("RUN_PARKED", `The run is parked (${parked.reason}): ${parked.detail}`, {
      where: parked.position === null ? { runId } : { runId, position: parked.position },
      hint,
    });
    this.runId = runId;
    this.reason = parked.reason;
    this.parked = parked;
  }

  static override is(value: unknown): value is RunParkedError {
    return codeOf(value) === "RUN_PARKED";
  }
}

/** The run was to be unparked, and is not parked. */
export class RunNotParkedError extends PerdureError {
  readonly runId: string;
  readonly status: string;

  constructor(runId: string, status: string) {
    super("RUN_NOT_PARKED", `The run is not parked: it is ${status}. Nothing was changed.`, { where: { runId } });
    this.runId = runId;
    this.status = status;
  }

  static override is(value: unknown): value is RunNotParkedError {
    return codeOf(value) === "RUN_NOT_PARKED";
  }
}

/** The workflow waits for something that nothing will ever bring: no step, sleep or hook is pending. */
export class WorkflowStuckError extends PerdureError {
  /** `after` names the newest operation, if there was one. */
  constructor({ after, ...options }: PerdureErrorOptions & { readonly after?: string } = {}) {
    const last = after === undefined ? "It asked for none of them." : `The last that it asked for was ${after}.`;
    super(
      "WORKFLOW_STUCK",
      `The workflow can never go on: it awaits a promise that no step, sleep or hook will settle. ${last}`,
      {
        hint: "Look for `new Promise(() => {})`, a resolver that is never called, or a deadlock between two branches.",
        ...options,
      },
    );
  }

  static override is(value: unknown): value is WorkflowStuckError {
    return codeOf(value) === "WORKFLOW_STUCK";
  }
}

/** What was given to `start` is not a workflow function. */
export class InvalidWorkflowFunctionError extends PerdureError {
  constructor(found: string) {
    super("INVALID_WORKFLOW_FUNCTION", `start() needs a workflow function and got ${found}.`, {
      hint: 'Mark the function with "use workflow", and run the app with `node --import perdure/register`.',
    });
  }

  static override is(value: unknown): value is InvalidWorkflowFunctionError {
    return codeOf(value) === "INVALID_WORKFLOW_FUNCTION";
  }
}

/** No workflow with this id is registered in this process. */
export class WorkflowNotRegisteredError extends PerdureError {
  readonly workflowId: string;

  constructor(workflowId: string, known: readonly string[]) {
    const list = known.length === 0 ? "none" : known.slice(0, 10).join(", ");
    const nearest = nearestName(workflowId, known);
    super("WORKFLOW_NOT_REGISTERED", `Workflow ${workflowId} is not registered in this process. Registered: ${list}.`, {
      hint: `${nearest === null ? "" : `Did you mean ${nearest}? `}Import the module that defines the workflow before starting it.`,
    });
    this.workflowId = workflowId;
  }

  static override is(value: unknown): value is WorkflowNotRegisteredError {
    return codeOf(value) === "WORKFLOW_NOT_REGISTERED";
  }
}

/** A workflow function was called as an ordinary function, outside of a workflow. */
export class WorkflowCalledDirectlyError extends PerdureError {
  constructor(name: string) {
    super("WORKFLOW_CALLED_DIRECTLY", `The workflow ${name} was called as a function.`, {
      where: { workflow: name },
      hint: `Use start(${name}, [...args]) from "perdure/api".`,
    });
  }

  static override is(value: unknown): value is WorkflowCalledDirectlyError {
    return codeOf(value) === "WORKFLOW_CALLED_DIRECTLY";
  }
}
