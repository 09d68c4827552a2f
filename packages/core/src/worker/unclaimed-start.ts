/** The start of a run that this process does not drive: by a client, or by a worker that has no room. */
import { InvariantError } from "@perdure/errors";
import type { CreateRequest, World } from "@perdure/world";

/** Creates a run that any worker may take. Resolves to its id, or to that of the run that holds its key. */
export async function startUnclaimed(world: World, request: Omit<CreateRequest, "eager">): Promise<string> {
  const result = await world.runs.create({ ...request, eager: null });
  if (result.kind === "refused") throw new InvariantError(`the creation of ${request.runId} was refused`);
  return result.run.runId;
}
