/** Many small runs, all started at once. */
import { invariant } from "@perdure/errors";
import { getWorld, start, startWorker } from "perdure/api";
import { logSize } from "../../log-size.ts";
import { type Round, summarize } from "../../rounds.ts";
import type { ScenarioContext } from "../../scenario.ts";
import { inSequence } from "../../workflows/echo.ts";
import { checkedInSequence } from "../../workflows/zod-echo.ts";

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
  for (const n of sizes) {
    await runAll(load, Math.min(n, warmUpRuns));
    const bytesPerAppend = await measureAppend(load);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const appends = n * appendsOf(load);
      const floorMs = context.floor.groupedCommits(appends, bytesPerAppend);
      const ms = await context.timed(String(n), () => runAll(load, n));
      measured.push({ value: (1_000 * n) / ms, floor: (1_000 * n) / floorMs });
    }
    context.report(summarize({ scenario, n, unit: "runs/s" }, measured));
  }
  await worker.stop();
}

/** A run of n steps that a worker starts takes n + 1 appends: its creation, and one for each result. */
const appendsOf = (load: Load): number => load.steps + 1;

async function measureAppend(load: Load): Promise<number> {
  const run = await start(load.workflow, [load.steps]);
  await run.returnValue;
  return (await logSize(await getWorld(), run.runId)).bytes / appendsOf(load);
}

async function runAll({ workflow, steps }: Load, count: number): Promise<void> {
  const runs = await Promise.all(Array.from({ length: count }, () => start(workflow, [steps])));
  const results = await Promise.all(runs.map((run) => run.returnValue));
  invariant(
    results.every((result) => result === steps - 1),
    "A run returned another value than its last step.",
  );
}
