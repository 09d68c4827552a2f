/** Many small runs, all started at once. */
import { invariant } from "@perdure/errors";
import { start, startWorker } from "perdure/api";
import { percentile } from "../median.ts";
import { type Round, summarize } from "../rounds.ts";
import type { ScenarioContext } from "../scenario.ts";
import { bytesByStep } from "../step-bytes.ts";
import { inSequence } from "../workflows/echo.ts";
import { checkedInSequence } from "../workflows/zod-echo.ts";

type CountedWorkflow = (count: number) => Promise<number>;

interface Load {
  readonly workflow: CountedWorkflow;
  readonly steps: number;
}

const loads: Readonly<Record<string, Load>> = {
  runs_1_step: { workflow: inSequence, steps: 1 },
  runs_5_steps: { workflow: inSequence, steps: 5 },
  runs_1_step_zod: { workflow: checkedInSequence, steps: 1 },
};

/** So many runs go before the first round. */
const warmUpRuns = 1_000;

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds } = context.order;
  const load = loads[scenario];
  invariant(load !== undefined, `Scenario ${scenario} has no load.`);
  const worker = await startWorker();
  const bytes = await bytesByStep(() => start(load.workflow, [load.steps]), appendsOf(load));
  for (const n of sizes) {
    await runAll(load, Math.min(n, warmUpRuns));
    const measured: Round[] = [];
    const times: number[][] = [];
    for (let round = 0; round < rounds; round += 1) {
      const floorMs = await context.floor.groupedCommits(n * appendsOf(load), bytes);
      const ms = await context.timed(String(n), async () => {
        times.push(await runAll(load, n));
      });
      measured.push({ value: (1_000 * n) / ms, floor: (1_000 * n) / floorMs });
    }
    context.report(summarize({ scenario, n, unit: "runs/s" }, measured));
    for (const percent of [50, 99]) {
      const subject = { scenario: `${scenario}_p${percent}`, n, unit: "ms" } as const;
      const percentiles = times.map((ms) => ({ value: percentile(ms, percent), floor: null }));
      context.report(summarize(subject, percentiles));
    }
  }
  await worker.stop();
}

/** A run of n steps that a worker starts takes n + 1 appends: its creation, and one for each result. */
const appendsOf = (load: Load): number => load.steps + 1;

/** Milliseconds from the start of each run to its result. */
async function runAll({ workflow, steps }: Load, count: number): Promise<number[]> {
  const timeOne = async (): Promise<number> => {
    const startedAt = performance.now();
    const result = await (await start(workflow, [steps])).returnValue;
    invariant(result === steps - 1, "A run returned another value than its last step.");
    return performance.now() - startedAt;
  };
  return await Promise.all(Array.from({ length: count }, timeOne));
}
