import { randomUUID } from "node:crypto";
import { InvariantError, WorkflowRunEndedError } from "@perdure/errors";
import type { CancelCommand } from "./command-line.ts";
import type { CommandContext } from "./main.ts";
import { requireRun } from "./run-lookup.ts";

/** `runs cancel`: ends the run at once. Throws `WorkflowRunEndedError` when it had ended before. */
export async function cancelRun(command: CancelCommand, { world, print }: CommandContext): Promise<void> {
  const { runId, reason } = command;
  await requireRun(world, runId);
  const result = await world.log.append(runId, {
    by: "outside",
    key: randomUUID(),
    fact: { type: "run_cancelled", correlationId: null, at: null, data: { reason }, payload: null },
  });
  if (result.kind === "appended") {
    print(`Cancelled ${runId}.\n`);
    return;
  }
  if (result.kind === "refused" && result.reason.kind === "terminal") {
    throw new WorkflowRunEndedError(runId, (await requireRun(world, runId)).status);
  }
  throw new InvariantError(`The world answered a cancellation with ${JSON.stringify(result)}.`, { where: { runId } });
}
