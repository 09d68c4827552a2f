/** The rooms of the engine that the simulator drives. Only this repository can import it; it is not published. */

export { workflowInput } from "./client/workflow-input.ts";
export { HydrationMemo } from "./hydrate/hydration-memo.ts";
export { bundleId, type HeldBundle, packBundle, type StoredBundle, unpackBundle } from "./realm/bundle.ts";
export { guestAbi, guestSource } from "./realm/guest-source.ts";
export type { Realm } from "./realm/realm.ts";
export { RealmCache } from "./realm/realm-cache.ts";
export { watchRejections } from "./realm/rejections.ts";
export { tokenHash } from "./replay/correlation-id.ts";
export { Execution } from "./replay/execution.ts";
export { bundleOf, unguarded, workflowId } from "./replay/history.testing.ts";
export { crockford } from "./run/crockford.ts";
export { mintRunId } from "./run/run-id.ts";
export { RunMachine } from "./run/run-machine.ts";
export { StoreClock } from "./run/store-clock.ts";
export { getStepMetadata, getWorkflowMetadata } from "./step/context.ts";
export { executeStep } from "./step/execute.ts";
export { provideBundles, registerStep, registerWorkflow, type StepFunction } from "./step/registry.ts";
export { BundleShelf } from "./worker/bundle-shelf.ts";
export { Drive } from "./worker/drive.ts";
export { ExecutionFactory } from "./worker/execution-factory.ts";
export { Harness } from "./worker/harness.testing.ts";
export { startHeartbeat } from "./worker/heartbeat.ts";
export { encodeLostError } from "./worker/lost-step.ts";
export { type WorkerOptions, workerSettings } from "./worker/settings.ts";
export { stepContext } from "./worker/step-scope.ts";
export { VirtualEnv } from "./worker/virtual-env.testing.ts";
export { EngineWorker } from "./worker/worker.ts";
