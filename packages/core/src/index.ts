export type { Hook, HookConflict, HookOptions } from "./client/hook-types.ts";
export { getHookByToken, type HookEntity, type ResumeHookOptions, resumeHook } from "./client/hooks.ts";
export { createHook, sleep } from "./client/host-stand-ins.ts";
export { type GetRunOptions, getRun, type Run } from "./client/run-handle.ts";
export { closeWorld, configureWorld, getWorld, isWorldConfigured, type WorldSource } from "./client/runtime.ts";
export { type StartOptions, start, type WorkflowReference } from "./client/start.ts";
export { type Env, systemEnv } from "./env.ts";
export { createGuard, type Guard, type GuardOptions } from "./realm/guard.ts";
export { tokenHash } from "./replay/correlation-id.ts";
export type { ConsoleLine } from "./run/machine-io.ts";
export {
  getStepExecution,
  getStepMetadata,
  getStepTransaction,
  getWorkflowMetadata,
  type StepExecution,
  type StepMetadata,
  type WorkflowMetadata,
} from "./step/context.ts";
export {
  type BundleProvider,
  type CompiledBundle,
  hasStep,
  onRegistration,
  provideBundles,
  type RegisteredStep,
  type RegisteredWorkflow,
  registeredWorkflows,
  registerStep,
  registerWorkflow,
  type StepFunction,
  type StepSource,
  type WorkflowFunction,
  type WorkflowSource,
  workflowCalled,
} from "./step/registry.ts";
export type { WorkerOptions } from "./worker/settings.ts";
export { type StartWorkerOptions, startWorker, type Worker } from "./worker/start-worker.ts";
