/**
 * What a run costs in memory while it waits: the heap that is used after a full collection, with n runs and without.
 *
 * The runs are released, so that nothing of a driver is left, and their executions resident. What the store keeps of
 * them in memory counts too. Each round is a fresh process. The floor is what the language takes for the least that can
 * wait: one suspended async function, found by an id in a map.
 */
import { join } from "node:path";
import { invariant } from "@perdure/errors";
import { start, startWorker, type Worker } from "perdure/api";
import { suspendedFunctionKb, usedHeapKb } from "../heap.ts";
import { type Round, summarize } from "../rounds.ts";
import type { ScenarioContext } from "../scenario.ts";
import { until } from "../until.ts";
import { month } from "../workflows/waiting.ts";
import { checkedMonth } from "../workflows/zod-echo.ts";

/** Runs that wait already when the counting begins: realm, caches and statements exist. */
const warmUpRuns = 100;

/** Runs started at once. */
const batch = 1_000;

type Starter = (id: number) => Promise<unknown>;

const starters: Readonly<Record<string, Starter>> = {
  memory_resident: (id) => start(month, [{ id, items: ["apple", "pear"] }]),
  memory_resident_zod: (id) => start(checkedMonth, [id]),
};

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds, part, directory } = context.order;
  if (part !== null) {
    context.answer(await measure(scenario, part.size));
    return;
  }
  for (const n of sizes) {
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const name = `${n}-${round}`;
      measured.push(await context.runPart({ name, size: n, directory: join(directory, name) }));
    }
    context.report(summarize({ scenario, n, unit: "KB/run" }, measured));
  }
}

async function measure(scenario: string, n: number): Promise<Round> {
  const starter = starters[scenario];
  invariant(starter !== undefined, `Scenario ${scenario} has no workflow.`);
  const floor = suspendedFunctionKb(n);
  const worker = await startWorker({ residentRunsMax: n + warmUpRuns });
  await startAndRelease(worker, starter, warmUpRuns, warmUpRuns);
  const before = usedHeapKb();
  await startAndRelease(worker, starter, n, n + warmUpRuns);
  const value = (usedHeapKb() - before) / n;
  await worker.stop();
  return { value, floor };
}

/** Starts `count` runs, and waits until `resident` of them are idle in memory and none is driven. */
async function startAndRelease(worker: Worker, starter: Starter, count: number, resident: number): Promise<void> {
  for (let done = 0; done < count; done += batch) {
    const size = Math.min(batch, count - done);
    await Promise.all(Array.from({ length: size }, (_, index) => starter(done + index)));
  }
  await until(() => worker.claimedCount === 0);
  invariant(worker.residentCount === resident, `${worker.residentCount} executions are resident, not ${resident}.`);
}
