/** What workflow code and step code import. In workflow code the compiler puts the durable versions in the place of these. */
export {
  createHook,
  getStepMetadata,
  getStepTransaction,
  getWorkflowMetadata,
  type Hook,
  type HookConflict,
  type HookOptions,
  type StepMetadata,
  sleep,
  type WorkflowMetadata,
} from "@perdure/core";
export {
  ContextViolationError,
  FatalError,
  HookConflictError,
  NotInStepContextError,
  NotInWorkflowContextError,
  NotInWorkflowOrStepContextError,
  RetryableError,
  type RetryableErrorOptions,
  SerializationError,
  StepLostError,
  UnavailableInWorkflowContextError,
  WorkflowStuckError,
} from "@perdure/errors";
export type { StatementConfig, StatementResult, StepTransaction } from "@perdure/world";
