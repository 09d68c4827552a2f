/** One run of n steps, one after the other. */
import { randomBytes } from "node:crypto";
import { invariant } from "@perdure/errors";
import { type Run, start, startWorker } from "perdure/api";
import { type Round, summarize } from "../rounds.ts";
import type { ScenarioContext } from "../scenario.ts";
import { bytesByStep } from "../step-bytes.ts";
import { inSequence, textInSequence } from "../workflows/echo.ts";

/** A round of a small size repeats until it has taken about this many steps: a few commits say little. */
const stepsPerRound = 200;

/** The sizes whose cost by step should be the same. */
const flat = { small: 100, large: 10_000 };

/** Steps of the run that goes before the first round, at most. */
const warmUpSteps = 1_000;

/** 10 KB of text that no database compresses much. */
const text = randomBytes(5_120).toString("hex");

type Begin = (stepCount: number) => Promise<Run<number>>;

const loads: Readonly<Record<string, Begin>> = {
  sequential: (stepCount) => start(inSequence, [stepCount]),
  sequential_10kb: (stepCount) => start(textInSequence, [stepCount, text]),
};

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds } = context.order;
  const begin = loads[scenario];
  invariant(begin !== undefined, `Scenario ${scenario} has no load.`);
  const worker = await startWorker();
  const warmUp = Math.min(warmUpSteps, Math.max(...sizes));
  const bytes = await bytesByStep(() => begin(warmUp), warmUp);
  const results = new Map<number, Round[]>(sizes.map((size) => [size, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const size of sizes) results.get(size)?.push(await measure(context, begin, size, bytes));
  }
  await worker.stop();
  for (const [n, measured] of results) {
    context.report(summarize({ scenario, n, unit: "ms/step" }, measured));
  }
  reportFlatness(context, results);
}

async function measure(context: ScenarioContext, begin: Begin, size: number, bytes: number): Promise<Round> {
  const repeats = Math.max(1, Math.ceil(stepsPerRound / size));
  const steps = repeats * size;
  const floorMs = await context.floor.commits(steps, bytes);
  const ms = await context.timed(String(size), async () => {
    for (let index = 0; index < repeats; index += 1) await (await begin(size)).returnValue;
  });
  return { value: ms / steps, floor: floorMs / steps };
}

/** A log that is a hundred times as long must not make a step dearer: here the small size is the floor. */
function reportFlatness(context: ScenarioContext, results: ReadonlyMap<number, readonly Round[]>): void {
  const small = results.get(flat.small);
  const large = results.get(flat.large);
  if (small === undefined || large === undefined) return;
  const rounds = large.map(({ value }, index) => ({ value, floor: small[index]?.value ?? null }));
  context.report(summarize({ scenario: `${context.order.scenario}_flat`, n: flat.large, unit: "ms/step" }, rounds));
}
