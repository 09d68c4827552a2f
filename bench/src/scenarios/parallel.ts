/**
 * One run that starts n steps at once, and awaits them all, or the first. Background steps are executed by the worker that
 * drives the run too, and in `background_two` by that of another process as well.
 */
import { invariant } from "@perdure/errors";
import { getWorld, start, startWorker } from "perdure/api";
import { logSize } from "../log-size.ts";
import { type Round, summarize } from "../rounds.ts";
import type { ScenarioContext } from "../scenario.ts";
import { inBackground, inParallel, inRace } from "../workflows/echo.ts";

/** A round of a small size repeats until it has taken about this many steps. */
const stepsPerRound = 200;

type CountedWorkflow = (count: number) => Promise<number>;

const workflows: Readonly<Record<string, CountedWorkflow>> = {
  parallel: inParallel,
  race: inRace,
  background: inBackground,
  background_two: inBackground,
};

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds, part, directory } = context.order;
  const workflow = workflows[scenario];
  invariant(workflow !== undefined, `Scenario ${scenario} has no workflow.`);
  const worker = await startWorker();
  if (part !== null) {
    await context.serve();
    await worker.stop();
    return;
  }
  const stopOther =
    scenario === "background_two" ? await context.startPart({ name: "worker", size: 1, directory }) : null;
  for (const n of sizes) {
    const bytes = await warmUp(workflow, n);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) measured.push(await measure(context, workflow, n, bytes));
    context.report(summarize({ scenario, n, unit: "ms" }, measured));
  }
  await stopOther?.();
  await worker.stop();
}

/** The bytes of a run's whole log. */
async function warmUp(workflow: CountedWorkflow, size: number): Promise<number> {
  const run = await start(workflow, [size]);
  await run.returnValue;
  return (await logSize(await getWorld(), run.runId)).bytes;
}

async function measure(
  context: ScenarioContext,
  workflow: CountedWorkflow,
  size: number,
  bytes: number,
): Promise<Round> {
  const repeats = Math.max(1, Math.ceil(stepsPerRound / size));
  const floorMs = await context.floor.commits(repeats, bytes);
  const ms = await context.timed(String(size), async () => {
    for (let index = 0; index < repeats; index += 1) await (await start(workflow, [size])).returnValue;
  });
  return { value: ms / repeats, floor: floorMs / repeats };
}
