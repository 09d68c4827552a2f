/** What workflow code can ask about its run. */
import { NotInStepContextError } from "@perdure/errors";
import { workflowContext } from "./orchestrator-context.ts";

/** Facts about the run; the same on every replay. */
export interface WorkflowMetadata {
  readonly workflowName: string;
  readonly workflowRunId: string;
  readonly workflowStartedAt: Date;
  /** Always empty: workflow code has no address of its own. */
  readonly url: string;
  readonly features: { readonly encryption: boolean };
}

/** A fresh object for every call, so that changing it changes nothing. */
export function getWorkflowMetadata(): WorkflowMetadata {
  const context = workflowContext("getWorkflowMetadata");
  return {
    workflowName: context.workflowName,
    workflowRunId: context.runId,
    workflowStartedAt: new Date(context.startedAt),
    url: "",
    features: { encryption: false },
  };
}

/** Always throws `NotInStepContextError`: this is workflow code. */
export function getStepMetadata(): never {
  throw new NotInStepContextError("getStepMetadata");
}

/** Always throws `NotInStepContextError`: this is workflow code. */
export function getStepTransaction(): never {
  throw new NotInStepContextError("getStepTransaction", "transactional");
}
