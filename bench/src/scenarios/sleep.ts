/**
 * How late a sleep ends, when nothing else is to be done: from the moment that the store has recorded for it to the first
 * line of the step that follows. The floor is a timer of the process for the same time, and a commit.
 */
import { invariant } from "@perdure/errors";
import type { LogEvent } from "@perdure/world";
import { getWorld, type Run, start, startWorker } from "perdure/api";
import { logSize } from "../log-size.ts";
import { nextMark } from "../marks.ts";
import { percentile } from "../median.ts";
import { summarize } from "../rounds.ts";
import type { ScenarioContext } from "../scenario.ts";
import { asleep } from "../workflows/waiting.ts";

/** The shortest and the longest sleep, in milliseconds; the others lie evenly between. */
const range = { min: 50, max: 500 };

/** A round's lateness: of Perdure, and of the floor. */
interface Lateness {
  readonly ours: readonly number[];
  readonly floor: readonly number[];
}

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds } = context.order;
  // A worker holds a run that sleeps for up to a second; told to hold none for more than 1 ms, it gives all of them back.
  const worker = await startWorker(scenario === "sleep_released" ? { holdMs: 1 } : {});
  const bytes = await warmUp();
  for (const n of sizes) {
    const measured: Lateness[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const floor = await floorLateness(context, n, bytes);
      const ours: number[] = [];
      await context.timed(String(n), async () => {
        ours.push(...(await lateness(n, `${n}-${round}`)));
      });
      measured.push({ ours, floor });
    }
    for (const percent of [50, 99]) {
      const subject = { scenario: `${scenario}_p${percent}`, n, unit: "ms" } as const;
      const summary = measured.map(({ ours, floor }) => ({
        value: percentile(ours, percent),
        floor: percentile(floor, percent),
      }));
      context.report(summarize(subject, summary));
    }
  }
  await worker.stop();
}

const sleepOf = (index: number, n: number): number =>
  Math.round(range.min + ((range.max - range.min) * index) / Math.max(1, n - 1));

/** The bytes of the append that ends a sleep. */
async function warmUp(): Promise<number> {
  const run = await start(asleep, [1, "warm-up"]);
  await run.returnValue;
  const size = await logSize(await getWorld(), run.runId);
  return (2 * size.bytes) / size.events;
}

async function lateness(n: number, name: string): Promise<number[]> {
  const sleeps = Array.from({ length: n }, async (_, index) => {
    const label = `${name}-${index}`;
    const began = nextMark(label);
    const run = await start(asleep, [sleepOf(index, n), label]);
    const beganAt = performance.timeOrigin + (await began);
    await run.returnValue;
    return beganAt - (await dueAt(run));
  });
  const values = await Promise.all(sleeps);
  invariant(
    values.every((ms) => ms >= 0),
    "A sleep ended early.",
  );
  return values;
}

async function dueAt(run: Run<void>): Promise<number> {
  const events = await (await getWorld()).log.read(run.runId, { after: 0, limit: 100 });
  const created = events.find((event): event is LogEvent<"wait_created"> => event.type === "wait_created");
  const resumeAt = created?.data.resumeAt ?? null;
  invariant(resumeAt !== null, `Run ${run.runId} has no sleep in its log.`);
  return resumeAt;
}

async function floorLateness(context: ScenarioContext, n: number, bytes: number): Promise<number[]> {
  const timers = Array.from({ length: n }, (_, index) => {
    const ms = sleepOf(index, n);
    const dueAt = performance.now() + ms;
    return new Promise<number>((resolve) => {
      setTimeout(async () => {
        // A timer of Node may fire a little early; the commit after it takes its time all the same.
        const firedAt = performance.now();
        await context.floor.commits(1, bytes);
        resolve(Math.max(0, firedAt - dueAt) + (performance.now() - firedAt));
      }, ms);
    });
  });
  return await Promise.all(timers);
}
