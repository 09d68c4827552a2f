/** What a bundle receives as `__perdure`: the names are the compiler's (`@perdure/compiler/contract`). */
import {
  ContextViolationError,
  FatalError,
  HookConflictError,
  NotInStepContextError,
  NotInWorkflowContextError,
  NotInWorkflowOrStepContextError,
  RetryableError,
  SerializationError,
  StepLostError,
  UnavailableInWorkflowContextError,
  WorkflowStuckError,
} from "@perdure/errors";
import { createHook } from "./hook.ts";
import { getStepMetadata, getStepTransaction, getWorkflowMetadata } from "./metadata.ts";
import { sleep } from "./sleep.ts";
import { callStep } from "./step.ts";

function unavailable(name: string): never {
  throw new UnavailableInWorkflowContextError(`${name}()`, "Call it in a step, or in ordinary code.");
}

export const guestApi = {
  callStep,
  unavailable,
  api: {
    ContextViolationError,
    FatalError,
    HookConflictError,
    NotInStepContextError,
    NotInWorkflowContextError,
    NotInWorkflowOrStepContextError,
    RetryableError,
    SerializationError,
    StepLostError,
    UnavailableInWorkflowContextError,
    WorkflowStuckError,
    createHook,
    getStepMetadata,
    getStepTransaction,
    getWorkflowMetadata,
    sleep,
  },
};
