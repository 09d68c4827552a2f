import type { World } from "@perdure/world";
import { hasStep, otherShape } from "../step/registry.ts";

const pageLimit = 100;

/** Reasons for parking that a process without the step, or with another one, gives. */
const reasons: ReadonlySet<string> = new Set(["needs_step", "shape_changed"]);

/**
 * Puts back the runs of these workflows that were parked because the worker had no such step, or took other parameters for it,
 * when this process can run the call. One that cannot go on at another step parks itself again.
 */
export async function reviveParked(world: World, workflows: ReadonlySet<string>): Promise<void> {
  let cursor: string | null = null;
  do {
    const filter = { parked: true, limit: pageLimit };
    const page: Awaited<ReturnType<World["runs"]["list"]>> = await world.runs.list(
      cursor === null ? filter : { ...filter, cursor },
    );
    for (const { runId, workflowId, parked } of page.items) {
      if (parked === null || !reasons.has(parked.reason) || !workflows.has(workflowId)) continue;
      if (await canRun(world, runId, parked.position)) await world.unpark(runId);
    }
    cursor = page.cursor;
  } while (cursor !== null);
}

/** Whether the step call at which the run was parked can be run here now. */
async function canRun(world: World, runId: string, position: number | null): Promise<boolean> {
  if (position === null) return false;
  const [call] = await world.log.read(runId, { after: position - 1, limit: 1 });
  if (call?.type !== "step_created" || !hasStep(call.data.stepId)) return false;
  return otherShape(call.data.stepId, call.data.shape) === null;
}
