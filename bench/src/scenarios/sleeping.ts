/**
 * Many runs that sleep until the same moment: what they cost while they sleep, and how long it takes until all of them are
 * awake, which is until each has begun the step after its sleep.
 */
import { invariant } from "@perdure/errors";
import { start, startWorker, type Worker } from "perdure/api";
import { suspendedFunctionKb, usedHeapKb } from "../heap.ts";
import { arrivals } from "../marks.ts";
import { type Round, summarize } from "../rounds.ts";
import { databaseOf, type ScenarioContext } from "../scenario.ts";
import { ServerCounters } from "../server-counters.ts";
import { bytesByStep } from "../step-bytes.ts";
import { until } from "../until.ts";
import { asleepUntil } from "../workflows/waiting.ts";

/** Runs started at once. */
const batch = 1_000;

/** How long the server's transactions are counted while all sleep. */
const countedMs = 5_000;

/** How much longer than the first ones' the starting of the runs and the counting may take. */
const reserveMs = 15_000;

/** Appends of a run after its sleep: the step, and its result with the end. */
const appendsToEnd = 2;

interface Sleepers {
  readonly heap: Round;
  readonly load: Round;
  readonly wake: Round;
}

const units = { heap: "KB/run", load: "transactions/s", wake: "ms" } as const;

export async function run(context: ScenarioContext): Promise<void> {
  const { scenario, sizes, rounds } = context.order;
  const counters = await ServerCounters.open(databaseOf(context).url);
  const worker = await startWorker();
  const bytes = (await bytesByStep(() => start(asleepUntil, [Date.now(), 0]), 1)) / appendsToEnd;
  for (const n of sizes) {
    const msByStart = await measureStart(Math.min(n, batch));
    const measured: Sleepers[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const floors = {
        heap: suspendedFunctionKb(n),
        wake: await context.floor.groupedCommits(n * appendsToEnd, bytes),
      };
      const startMsMax = 3 * n * msByStart + reserveMs;
      measured.push(await measure({ context, counters, worker, n, startMsMax, floors }));
    }
    for (const part of ["heap", "load", "wake"] as const) {
      const subject = { scenario: `${scenario}_${part}`, n, unit: units[part] };
      context.report(
        summarize(
          subject,
          measured.map((round) => round[part]),
        ),
      );
    }
  }
  await worker.stop();
  await counters.close();
}

interface Order {
  readonly context: ScenarioContext;
  readonly counters: ServerCounters;
  readonly worker: Worker;
  readonly n: number;
  /** How long the starting of all may take. */
  readonly startMsMax: number;
  readonly floors: { readonly heap: number; readonly wake: number };
}

async function measure({ context, counters, worker, n, startMsMax, floors }: Order): Promise<Sleepers> {
  await until(() => worker.claimedCount === 0);
  const heapBefore = usedHeapKb();
  const dueAt = Date.now() + startMsMax + countedMs;
  await startAll(n, dueAt);
  await until(() => worker.claimedCount === 0);
  const heap = (usedHeapKb() - heapBefore) / n;
  await counters.settled();
  const load = await counters.transactionRate(countedMs);
  invariant(Date.now() < dueAt, "Runs were due before it was counted what they cost asleep.");
  await new Promise((resolve) => setTimeout(resolve, dueAt - Date.now()));
  await context.timed(String(n), () => until(() => arrivals.size === n));
  const wake = Date.now() - dueAt;
  return {
    heap: { value: heap, floor: floors.heap },
    load: { value: load, floor: null },
    wake: { value: wake, floor: floors.wake },
  };
}

/** Milliseconds that the start of a run takes, with so many at once. */
async function measureStart(count: number): Promise<number> {
  const start = performance.now();
  await startAll(count, Date.now());
  await until(() => arrivals.size === count);
  return (performance.now() - start) / count;
}

/** From now on those count who arrive of these runs. */
async function startAll(n: number, dueAt: number): Promise<void> {
  arrivals.clear();
  for (let done = 0; done < n; done += batch) {
    const size = Math.min(batch, n - done);
    await Promise.all(Array.from({ length: size }, (_, index) => start(asleepUntil, [dueAt, done + index])));
  }
}
