/** How many bytes one step of a run writes, so that the floor can write as many. */
import { getWorld, type Run } from "perdure/api";
import { logSize } from "./log-size.ts";

/** Runs it to its end, which also compiles and warms up what it needs. */
export async function bytesByStep(begin: () => Promise<Run<unknown>>, stepCount: number): Promise<number> {
  const run = await begin();
  await run.returnValue;
  return (await logSize(await getWorld(), run.runId)).bytes / stepCount;
}
