/** One run of n steps, one after the other. */

import { getWorld, start, startWorker } from "perdure/api";
import { logSize } from "../../log-size.ts";
import { type Round, summarize } from "../../rounds.ts";
import type { ScenarioContext } from "../../scenario.ts";
import { inSequence } from "../../workflows/echo.ts";

/** A round of a small size repeats until it has taken about this many steps: a few commits say little. */
const stepsPerRound = 200;

/** The sizes whose cost by step should be the same. */
const flat = { small: 100, large: 10_000 };

export async function run(context: ScenarioContext): Promise<void> {
  const { sizes, rounds } = context.order;
  const worker = await startWorker();
  const bytesPerStep = await warmUp(Math.max(...sizes));
  const results = new Map<number, Round[]>(sizes.map((size) => [size, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const size of sizes) results.get(size)?.push(await measure(context, size, bytesPerStep));
  }
  await worker.stop();
  for (const [n, measured] of results) {
    context.report(summarize({ scenario: "sequential", n, unit: "ms/step" }, measured));
  }
  reportFlatness(context, results);
}

/** Compiles and warms everything up; the bytes of one step's events. */
async function warmUp(size: number): Promise<number> {
  const count = Math.min(1_000, size);
  const run = await start(inSequence, [count]);
  await run.returnValue;
  return (await logSize(await getWorld(), run.runId)).bytes / count;
}

async function measure(context: ScenarioContext, size: number, bytesPerStep: number): Promise<Round> {
  const repeats = Math.max(1, Math.ceil(stepsPerRound / size));
  const steps = repeats * size;
  const floorMs = context.floor.commits(steps, bytesPerStep);
  const ms = await context.timed(String(size), async () => {
    for (let index = 0; index < repeats; index += 1) await (await start(inSequence, [size])).returnValue;
  });
  return { value: ms / steps, floor: floorMs / steps };
}

/** A log that is a hundred times as long must not make a step dearer: here the small size is the floor. */
function reportFlatness(context: ScenarioContext, results: ReadonlyMap<number, readonly Round[]>): void {
  const small = results.get(flat.small);
  const large = results.get(flat.large);
  if (small === undefined || large === undefined) return;
  const rounds = large.map(({ value }, index) => ({ value, floor: small[index]?.value ?? null }));
  context.report(summarize({ scenario: "sequential_flat", n: flat.large, unit: "ms/step" }, rounds));
}
