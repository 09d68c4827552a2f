/** What a running step body can ask about itself. Lives in AsyncLocalStorage, so nested calls see it too. */
import { AsyncLocalStorage } from "node:async_hooks";
import { NotInStepContextError, NotInWorkflowOrStepContextError } from "@perdure/errors";
import type { StepTransaction } from "@perdure/world";

/** What `getStepMetadata()` gives inside a step. */
export interface StepMetadata {
  /** Readable name of the step function. */
  readonly stepName: string;
  /** Stable over attempts and restarts: use it as the idempotency key of calls to third parties. */
  readonly stepId: string;
  readonly stepStartedAt: Date;
  /** 1-based; counts failures, not losses of a worker. */
  readonly attempt: number;
  /** 1-based; counts starts of this attempt by different claims. More than 1: an earlier start may have done the work. */
  readonly delivery: number;
  /** Aborted when the run is cancelled, or when this process loses or gives up the run. */
  readonly signal: AbortSignal;
}

/** What `getWorkflowMetadata()` gives inside a workflow or a step. */
export interface WorkflowMetadata {
  readonly workflowName: string;
  readonly workflowRunId: string;
  readonly workflowStartedAt: Date;
  /** Base address of the app's webhooks; empty until the app serves any. */
  readonly url: string;
  readonly features: { readonly encryption: boolean };
}

export interface StepContext {
  readonly step: StepMetadata;
  /** Digest of the arguments that the step was called with. */
  readonly inputDigest: string;
  readonly workflow: WorkflowMetadata;
  /** The transaction that the step has declared to run in; null without one. */
  readonly transaction: StepTransaction | null;
}

const storage = new AsyncLocalStorage<StepContext>();

export const runInStepContext = <T>(context: StepContext, body: () => T): T => storage.run(context, body);

/** About the step that is running. Throws `NotInStepContextError` anywhere else. */
export function getStepMetadata(): StepMetadata {
  const context = storage.getStore();
  if (context === undefined) throw new NotInStepContextError("getStepMetadata");
  return context.step;
}

/**
 * The transaction of the step that is running, which the step declares by `theStep.transaction = true`. What is written
 * through it is committed together with the step's result, or not at all. Throws `NotInStepContextError` anywhere else.
 *
 * @example
 * async function charge(order: Order) {
 *   "use step";
 *   const tx = getStepTransaction();
 *   await tx.query("UPDATE accounts SET balance = balance - $1 WHERE id = $2", [order.total, order.account]);
 * }
 * charge.transaction = true;
 */
export function getStepTransaction(): StepTransaction {
  const transaction = storage.getStore()?.transaction ?? null;
  if (transaction === null) throw new NotInStepContextError("getStepTransaction", "transactional");
  return transaction;
}

/** Which call of a step is running, for what is kept about it elsewhere than in its run. */
export interface StepExecution {
  readonly runId: string;
  /** The same over all attempts and deliveries of the call. */
  readonly inputDigest: string;
  /** One object for each start of the body. */
  readonly step: StepMetadata;
}

/** About the step that is running, for the function `caller`. Throws `NotInStepContextError` anywhere else. */
export function getStepExecution(caller: string): StepExecution {
  const context = storage.getStore();
  if (context === undefined) throw new NotInStepContextError(caller);
  return { runId: context.workflow.workflowRunId, inputDigest: context.inputDigest, step: context.step };
}

/** About the run that the current step belongs to. Throws `NotInWorkflowOrStepContextError` anywhere else. */
export function getWorkflowMetadata(): WorkflowMetadata {
  const context = storage.getStore();
  if (context === undefined) throw new NotInWorkflowOrStepContextError("getWorkflowMetadata");
  return context.workflow;
}
