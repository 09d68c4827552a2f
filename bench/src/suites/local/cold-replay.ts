/**
 * A run with a long log, resumed by a process that has never seen it: what a deploy or a crash costs.
 *
 * Each round is a fresh process. The clock runs from the call of `resumeHook` to the first line of the step that follows:
 * the payload is stored, the run claimed, its log read, its bundle fetched and compiled, the code replayed over the log,
 * and the new step recorded. Nothing is subtracted. The machine's page cache is warm, the JIT is cold.
 */
import { invariant } from "@perdure/errors";
import { closeWorld, getHookByToken, getWorld, type Run, resumeHook, start, startWorker } from "perdure/api";
import { logSize } from "../../log-size.ts";
import { nextMark } from "../../marks.ts";
import { type Round, summarize } from "../../rounds.ts";
import type { ScenarioContext, ScenarioPart } from "../../scenario.ts";
import { until } from "../../until.ts";
import { longPast } from "../../workflows/waiting.ts";

/** Events of a waiting run beside the two of each step: run_created, run_started, hook_created. */
const fixedEvents = 3;

export async function run(context: ScenarioContext): Promise<void> {
  const { sizes, rounds, part, directory } = context.order;
  if (part !== null) {
    context.answer(await resume(context, part));
    return;
  }
  for (const n of sizes) {
    const names = Array.from({ length: rounds }, (_, round) => `${n}-${round}`);
    await prepare(names, n);
    const measured: Round[] = [];
    for (const name of names) measured.push(await context.runPart({ name, size: n, directory }));
    context.report(summarize({ scenario: "cold_replay", n, unit: "ms" }, measured));
  }
}

/** Runs that wait for a payload, each under the token of its name; afterwards nothing is left of them in a process. */
async function prepare(names: readonly string[], events: number): Promise<void> {
  const worker = await startWorker();
  const stepCount = Math.max(0, Math.ceil((events - fixedEvents) / 2));
  const runs: Run<void>[] = [];
  for (const name of names) runs.push(await start(longPast, [stepCount, name]));
  await until(() => worker.claimedCount === 0);
  for (const run of runs) invariant((await run.status) === "running", `Run ${run.runId} does not wait.`);
  await worker.stop();
  await closeWorld();
}

async function resume(context: ScenarioContext, { name }: ScenarioPart): Promise<Round> {
  const { runId } = await getHookByToken(name);
  const { events, bytes } = await logSize(await getWorld(), runId);
  const floorMs = context.floor.read(events, bytes / events);
  const worker = await startWorker();
  const began = nextMark(name);
  let startedAt = 0;
  await context.timed(name, async () => {
    startedAt = performance.now();
    await resumeHook(name, name);
    await began;
  });
  const value = (await began) - startedAt;
  await worker.stop();
  return { value, floor: floorMs };
}
