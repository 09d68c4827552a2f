/**
 * The names on which compiled code and the runtime agree.
 *
 * The compiler writes these names into host modules and workflow bundles; the runtime provides what they stand for. The
 * file imports nothing, so that either side can read it without loading the other.
 */

/** The module that a compiled host module imports its registration functions from. */
export const hostModule = "perdure/internal";

/** What `hostModule` exports for compiled host modules. */
export const hostExports = {
  /** `registerStep(stepId, fn, { name, file, line, shape })`. */
  registerStep: "registerStep",
  /** `registerWorkflow(workflowId, fn, { name, file, line })`. */
  registerWorkflow: "registerWorkflow",
  /** `workflowCalled(name)` returns the error that a workflow function throws when ordinary code calls it. */
  workflowCalled: "workflowCalled",
} as const;

/** Prefix of every name that the compiler adds to a module; programs must not use it. */
export const reservedPrefix = "__perdure";

/**
 * Parameters of the function that a bundle's `code` evaluates to, in order. The last one is the guest: it offers
 * `callStep(stepId, name, shape, arguments)`, `api` (an object with every name of `guestExports`) and `unavailable(name)`.
 */
export const bundleParameters = ["globalThis", "self", "global", "__perdure"] as const;

/** The guest's name inside a bundle. */
export const guestName = "__perdure";

/** What workflow code calls in place of a step's body; returns the promise of the step's result. */
export const guestCallStep = "callStep";

/** The guest's object that holds every name of `guestExports`. */
export const guestApi = "api";

/** `unavailable(name)` throws the error for a function that exists only outside of workflow code. */
export const guestUnavailable = "unavailable";

/** Functions that workflow code can import from `perdure`. */
export const guestFunctions = [
  "sleep",
  "createHook",
  "getStepMetadata",
  "getStepTransaction",
  "getWorkflowMetadata",
] as const;

/** Error classes that workflow code can import from `perdure` and from `perdure/errors`. */
export const guestErrors = [
  "ContextViolationError",
  "FatalError",
  "HookConflictError",
  "NotInStepContextError",
  "NotInWorkflowContextError",
  "NotInWorkflowOrStepContextError",
  "RetryableError",
  "SerializationError",
  "StepLostError",
  "UnavailableInWorkflowContextError",
  "WorkflowStuckError",
] as const;

/** Everything that workflow code can import from `perdure`: the members that `__perdure.api` must have. */
export const guestExports = [...guestFunctions, ...guestErrors] as const;

/** What `perdure/api` offers outside of workflow code; in a bundle each of them throws through `unavailable`. */
export const unavailableExports = [
  "closeWorld",
  "getHookByToken",
  "getRun",
  "getWorld",
  "resumeHook",
  "start",
  "startWorker",
] as const;

/** What `perdure/once` offers outside of workflow code, in the same way. */
export const onceExports = ["createOnceTable", "once", "onceIn", "onceTableSql", "purgeOnce"] as const;

/** File extensions that modules with directives may have; a function's id leaves them out. */
export const moduleExtension = /\.[cm]?[jt]sx?$/;
