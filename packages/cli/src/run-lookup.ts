import { WorkflowRunNotFoundError } from "@perdure/errors";
import type { RunRecord, World } from "@perdure/world";

/** The run's record; throws `WorkflowRunNotFoundError` when the world does not hold it. */
export async function requireRun(world: World, runId: string): Promise<RunRecord> {
  const run = await world.runs.get(runId);
  if (run === null) throw new WorkflowRunNotFoundError(runId);
  return run;
}
