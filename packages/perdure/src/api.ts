/** What programs import to start runs, to look after them, and to work. */
import "./project/world-source.ts";

export {
  closeWorld,
  type GetRunOptions,
  getHookByToken,
  getRun,
  getWorld,
  type HookEntity,
  type ResumeHookOptions,
  type Run,
  resumeHook,
  type StartOptions,
  type StartWorkerOptions,
  start,
  type Worker,
  type WorkerOptions,
  type WorkflowReference,
} from "@perdure/core";
export {
  HookNotFoundError,
  InvalidWorkflowFunctionError,
  type ParkedInfo,
  RunParkedError,
  WorkflowNotRegisteredError,
  WorkflowRunCancelledError,
  WorkflowRunEndedError,
  WorkflowRunFailedError,
  WorkflowRunNotFoundError,
} from "@perdure/errors";
export type { RunStatus, TransactionClient, World } from "@perdure/world";
export { startWorker } from "./worker/process-worker.ts";
