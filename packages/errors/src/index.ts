export {
  ContextViolationError,
  NotInStepContextError,
  NotInWorkflowContextError,
  NotInWorkflowOrStepContextError,
  UnavailableInWorkflowContextError,
} from "./context-errors.ts";
export { HookConflictError, HookNotFoundError } from "./hook-errors.ts";
export { nearestName } from "./nearest-name.ts";
export { type ParkReason, parkedHint } from "./parked-hint.ts";
export {
  brand,
  type CodedError,
  codeOf,
  describeLocation,
  type ErrorLocation,
  PerdureError,
  type PerdureErrorOptions,
  sentenceOf,
} from "./perdure-error.ts";
export {
  InvalidWorkflowFunctionError,
  type ParkedInfo,
  type RunFailureCode,
  RunNotParkedError,
  RunParkedError,
  WorkflowCalledDirectlyError,
  WorkflowNotRegisteredError,
  WorkflowRunCancelledError,
  WorkflowRunEndedError,
  WorkflowRunFailedError,
  WorkflowRunNotFoundError,
  WorkflowStuckError,
} from "./run-errors.ts";
export {
  assertNever,
  type CompileDiagnostic,
  CompileError,
  ConfigError,
  formatDiagnostic,
  InvariantError,
  invariant,
  type StandstillLimit,
  StrayRejectionWarning,
  UnsupportedNodeError,
  UsageError,
  WorkerSetupError,
  WorkerStuckWarning,
} from "./setup-errors.ts";
export {
  FatalError,
  RetryableError,
  type RetryableErrorOptions,
  StepLostError,
  StepNotRegisteredError,
} from "./step-errors.ts";
export { InvalidArgumentError, InvalidDurationError, SerializationError, UndecodableError } from "./value-errors.ts";
export {
  BundleUntrustedError,
  InvalidCursorError,
  isStoreRestored,
  StoreError,
  type StoreFailure,
  storeRestoredError,
  transactionsMissingError,
  UnknownEventError,
} from "./world-errors.ts";
