import { RunNotParkedError } from "@perdure/errors";
import type { UnparkCommand } from "./command-line.ts";
import type { CommandContext } from "./main.ts";
import { requireRun } from "./run-lookup.ts";

/** `runs unpark`: wakes a parked run. Throws `RunNotParkedError` when it is not parked. */
export async function unparkRun({ runId }: UnparkCommand, { world, print }: CommandContext): Promise<void> {
  await requireRun(world, runId);
  if (await world.unpark(runId)) {
    print(`Unparked ${runId}: a worker takes it up at once.\n`);
    return;
  }
  throw new RunNotParkedError(runId, (await requireRun(world, runId)).status);
}
