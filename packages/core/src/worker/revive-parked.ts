import type { World } from "@perdure/world";
import { hasStep } from "../step/registry.ts";

const pageLimit = 100;

/**
 * Puts back the runs of a workflow that were parked because nobody had a step, when this process has every step that
 * they have called. One that needs another missing step parks itself again.
 */
export async function reviveParked(world: World, workflowId: string): Promise<void> {
  let cursor: string | null = null;
  do {
    const filter = { workflowId, parked: true, limit: pageLimit };
    const page: Awaited<ReturnType<World["runs"]["list"]>> = await world.runs.list(
      cursor === null ? filter : { ...filter, cursor },
    );
    for (const run of page.items) {
      if (run.parked?.reason === "needs_step" && (await hasMissingStep(world, run.runId, run.parked.position))) {
        await world.unpark(run.runId);
      }
    }
    cursor = page.cursor;
  } while (cursor !== null);
}

/** Whether the step call at which the run was parked can be run here now. */
async function hasMissingStep(world: World, runId: string, position: number | null): Promise<boolean> {
  if (position === null) return false;
  const [call] = await world.log.read(runId, { after: position - 1, limit: 1 });
  return call?.type === "step_created" && hasStep(call.data.stepId);
}
