/**
 * A run with a long log, resumed by a worker that has never seen it: what a crash or a deploy costs its runs.
 *
 * The clock runs from the call of `resumeHook` to the first line of the step that follows: the payload is stored, the run
 * claimed, its log read, the code replayed over the log, and the new step recorded. Nothing is subtracted. Each round is a
 * fresh process. In `cold_start` the run is the first thing that it does, so modules, bundle and JIT are cold as well; in
 * `cold_replay` it has resumed two other runs of the same length before, as a worker that takes over has.
 */
import { invariant } from "@perdure/errors";
import { closeWorld, getHookByToken, getWorld, type Run, resumeHook, start, startWorker } from "perdure/api";
import { logSize } from "../log-size.ts";
import { nextMark } from "../marks.ts";
import { type Round, summarize } from "../rounds.ts";
import type { ScenarioContext, ScenarioPart } from "../scenario.ts";
import { until } from "../until.ts";
import { longPast } from "../workflows/waiting.ts";

/** Events of a waiting run beside the two of each step: run_created, run_started, hook_created. */
const fixedEvents = 3;

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds, part, directory } = context.order;
  const warmUps = scenario === "cold_replay" ? 2 : 0;
  if (part !== null) {
    context.answer(await resume(context, part, warmUps));
    return;
  }
  for (const n of sizes) {
    const names = Array.from({ length: rounds }, (_, round) => `${n}-${round}`);
    await prepare(
      names.flatMap((name) => [name, ...warmUpNames(name, warmUps)]),
      n,
    );
    const measured: Round[] = [];
    for (const name of names) measured.push(await context.runPart({ name, size: n, directory }));
    context.report(summarize({ scenario, n, unit: "ms" }, measured));
  }
}

const warmUpNames = (name: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${name}-warm-up-${index}`);

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

async function resume(context: ScenarioContext, { name }: ScenarioPart, warmUps: number): Promise<Round> {
  const { runId } = await getHookByToken(name);
  const { events, bytes } = await logSize(await getWorld(), runId);
  const floorMs = await context.floor.read(events, bytes / events);
  const worker = await startWorker();
  for (const warmUp of warmUpNames(name, warmUps)) await timeToNextStep(warmUp);
  let value = 0;
  await context.timed(name, async () => {
    value = await timeToNextStep(name);
  });
  await worker.stop();
  return { value, floor: floorMs };
}

/** Milliseconds from sending the payload to the first line of the step that it leads to. */
async function timeToNextStep(name: string): Promise<number> {
  const began = nextMark(name);
  const startedAt = performance.now();
  await resumeHook(name, name);
  return (await began) - startedAt;
}
