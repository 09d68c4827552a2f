/** One run that starts n steps at once and awaits them all. */
import { getWorld, start, startWorker } from "perdure/api";
import { logSize } from "../../log-size.ts";
import { type Round, summarize } from "../../rounds.ts";
import type { ScenarioContext } from "../../scenario.ts";
import { inParallel } from "../../workflows/echo.ts";

/** A round of a small size repeats until it has taken about this many steps. */
const stepsPerRound = 200;

export async function run(context: ScenarioContext): Promise<void> {
  const { sizes, rounds } = context.order;
  const worker = await startWorker();
  for (const n of sizes) {
    const bytes = await warmUp(n);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) measured.push(await measure(context, n, bytes));
    context.report(summarize({ scenario: "parallel", n, unit: "ms" }, measured));
  }
  await worker.stop();
}

/** The bytes of a run's whole log. */
async function warmUp(size: number): Promise<number> {
  const run = await start(inParallel, [size]);
  await run.returnValue;
  return (await logSize(await getWorld(), run.runId)).bytes;
}

async function measure(context: ScenarioContext, size: number, bytes: number): Promise<Round> {
  const repeats = Math.max(1, Math.ceil(stepsPerRound / size));
  const floorMs = context.floor.commits(repeats, bytes);
  const ms = await context.timed(String(size), async () => {
    for (let index = 0; index < repeats; index += 1) await (await start(inParallel, [size])).returnValue;
  });
  return { value: ms / repeats, floor: floorMs / repeats };
}
