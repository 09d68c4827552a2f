import { codeOf, PerdureError, type PerdureErrorOptions } from "./perdure-error.ts";

/** A function of Perdure was called where it cannot work. */
export class ContextViolationError extends PerdureError {
  static override is(value: unknown): value is ContextViolationError {
    const code = codeOf(value);
    return code !== undefined && contextCodes.has(code);
  }
}

const contextCodes: ReadonlySet<string> = new Set([
  "NOT_IN_WORKFLOW_CONTEXT",
  "NOT_IN_STEP_CONTEXT",
  "NOT_IN_WORKFLOW_OR_STEP_CONTEXT",
  "UNAVAILABLE_IN_WORKFLOW_CONTEXT",
]);

/** The function works only inside a `"use workflow"` function. */
export class NotInWorkflowContextError extends ContextViolationError {
  constructor(name: string) {
    super("NOT_IN_WORKFLOW_CONTEXT", `${name}() works only inside a "use workflow" function.`, {
      hint: "Steps and ordinary code cannot call it; move the call into the workflow function.",
    });
  }

  static override is(value: unknown): value is NotInWorkflowContextError {
    return codeOf(value) === "NOT_IN_WORKFLOW_CONTEXT";
  }
}

/** The function works only inside a `"use step"` function that a run is executing. */
export class NotInStepContextError extends ContextViolationError {
  /** `transactional`: the step also has to declare that it runs in a transaction. */
  constructor(name: string, kind: "any" | "transactional" = "any") {
    const declared = kind === "any" ? "" : " with `transaction = true`";
    super(
      "NOT_IN_STEP_CONTEXT",
      `${name}() works only inside a "use step" function${declared} that a run is executing.`,
    );
  }

  static override is(value: unknown): value is NotInStepContextError {
    return codeOf(value) === "NOT_IN_STEP_CONTEXT";
  }
}

/** The function works inside a workflow or a step, and was called outside of both. */
export class NotInWorkflowOrStepContextError extends ContextViolationError {
  constructor(name: string) {
    super("NOT_IN_WORKFLOW_OR_STEP_CONTEXT", `${name}() works only inside a workflow or a step.`);
  }

  static override is(value: unknown): value is NotInWorkflowOrStepContextError {
    return codeOf(value) === "NOT_IN_WORKFLOW_OR_STEP_CONTEXT";
  }
}

/** The function or global does not exist in workflow code; the hint names the durable replacement. */
export class UnavailableInWorkflowContextError extends ContextViolationError {
  constructor(name: string, replacement: string, options: PerdureErrorOptions = {}) {
    super("UNAVAILABLE_IN_WORKFLOW_CONTEXT", `${name} is not available in workflow code.`, {
      hint: replacement,
      ...options,
    });
  }

  static override is(value: unknown): value is UnavailableInWorkflowContextError {
    return codeOf(value) === "UNAVAILABLE_IN_WORKFLOW_CONTEXT";
  }
}
