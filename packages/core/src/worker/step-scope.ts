import type { StepTask } from "../run/machine-io.ts";
import type { StepContext } from "../step/context.ts";

/** What a step body can learn about itself and its run. */
export function stepContext(scope: {
  readonly runId: string;
  readonly task: StepTask;
  readonly signal: () => AbortSignal;
  readonly now: number;
}): StepContext {
  const { runId, task, signal, now } = scope;
  return {
    inputDigest: task.created.data.inputDigest,
    step: {
      stepName: task.created.data.name,
      stepId: task.correlationId,
      stepStartedAt: new Date(now),
      attempt: task.attempt,
      delivery: task.delivery,
      get signal() {
        return signal();
      },
    },
    workflow: {
      workflowName: task.workflow.name,
      workflowRunId: runId,
      workflowStartedAt: new Date(task.workflow.startedAt),
      url: "",
      features: { encryption: false },
    },
    transaction: null,
  };
}
