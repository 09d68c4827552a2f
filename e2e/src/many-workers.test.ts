/**
 * Worker processes on one PostgreSQL server: what happens to their runs when one of them stands still, is replaced or dies.
 *
 * `PERDURE_LONG=1` kills 100 workers with the default lease, and holds the time to the takeover against its bound.
 */
import { TestDatabases } from "@perdure/world-postgres/testing/databases";
import { expect, test } from "vitest";
import { RelayBench, type RelayWorker } from "./relay/relay-bench.ts";

const databases = new TestDatabases();
const isLong = process.env["PERDURE_LONG"] === "1";
const killCount = isLong ? 100 : 3;
const killSettings = isLong ? {} : { leaseMs: 800 };
const takeoverMsMax = 5_000;

/** A bound of liveness, many times what a kill takes. */
const timeoutMs = 60_000 + killCount * 20_000;

const openBench = async (): Promise<RelayBench> => RelayBench.open(await databases.create());

const typesOf = async (bench: RelayBench, runId: string) => (await bench.log(runId)).map(({ type }) => type);

/** A run whose second step blocks its process. */
async function block(bench: RelayBench, worker: RelayWorker): Promise<string> {
  const runId = await worker.start("block");
  bench.openGate(worker, runId, 0);
  await bench.saw("begin", worker, runId, 1);
  return runId;
}

test(
  "S3: a step that blocks the event loop of its process for several leases keeps its run",
  async () => {
    const bench = await openBench();
    const leaseMs = 1_000;
    const other = await bench.worker({ leaseMs, sweepMs: 50 });
    const blocked = await bench.worker({ leaseMs });
    const runId = await block(bench, blocked);
    const { storeNow } = await bench.world.describe();
    await bench.until(async () => (await bench.world.describe()).storeNow > storeNow + 3 * leaseMs);

    expect(await bench.run(runId)).toMatchObject({ epoch: 1, status: "running" });
    bench.openGate(blocked, runId, 1);
    expect(await bench.value(runId)).toEqual([blocked.pid, blocked.pid]);
    expect(await typesOf(bench, runId)).not.toContain("step_started");
    expect(blocked.complaints + other.complaints).toBe("");
  },
  timeoutMs,
);

test(
  "a worker that stands still for longer than it may loses its runs, and says so",
  async () => {
    const bench = await openBench();
    const settings = { leaseMs: 1_000, sweepMs: 50, stuckAfterMs: 1_000 };
    const blocked = await bench.worker(settings);
    const runId = await block(bench, blocked);
    const heir = await bench.worker(settings);
    await bench.saw("begin", heir, runId, 1);
    expect((await bench.log(runId)).at(-1)).toMatchObject({ type: "step_started", data: { attempt: 1, delivery: 2 } });
    for (const worker of [blocked, heir]) bench.openGate(worker, runId, 1);
    expect(await bench.value(runId)).toEqual([blocked.pid, heir.pid]);
    await bench.until(() => blocked.complaints.includes("WorkerStuckWarning"));
  },
  timeoutMs,
);

test(
  "a rolling restart gives every run on without waiting for a lease",
  async () => {
    const bench = await openBench();
    // No lease runs out within this test, so a run that is not given back would never go on.
    const settings = { leaseMs: 100 * timeoutMs };
    const length = 4;
    const runIds: string[] = [];
    let current = await bench.worker(settings);
    for (let count = 0; count < 8; count += 1) runIds.push(await current.start(length));
    const gaps: number[] = [];
    for (let leg = 0; leg < length; leg += 1) {
      for (const runId of runIds) await bench.saw("begin", current, runId, leg);
      if (leg === length - 1) break;
      const next = await bench.worker(settings);
      current.signal("SIGTERM");
      await bench.sawSignal(current, "SIGTERM");
      for (const runId of runIds) bench.openGate(current, runId, leg);
      expect(await current.ended).toEqual({ code: null, signal: "SIGTERM" });
      for (const runId of runIds) await bench.saw("begin", next, runId, leg + 1);
      for (const runId of runIds) gaps.push(await lastGap(bench, runId));
      expect(current.complaints).toBe("");
      current = next;
    }
    console.log({ givenOn: gaps.length, ...percentiles(gaps) });
    for (const runId of runIds) {
      bench.openGate(current, runId, length - 1);
      const pids = await bench.value(runId);
      expect(new Set(pids).size).toBe(length);
      // No body was lost on the way: each began once.
      expect(await typesOf(bench, runId)).not.toContain("step_started");
    }
  },
  timeoutMs,
);

test(
  `the runs of a worker that is killed go on in others, ${killCount} times`,
  async () => {
    const bench = await openBench();
    const heirs = [await bench.worker(killSettings), await bench.worker(killSettings)];
    const times: number[] = [];
    for (let kill = 0; kill < killCount; kill += 1) {
      const lost = await bench.worker(killSettings);
      const runIds = [await lost.start(1), await lost.start(1), await lost.start(1)];
      for (const runId of runIds) await bench.saw("begin", lost, runId, 0);
      const { storeNow: killedAt } = await bench.world.describe();
      lost.signal("SIGKILL");
      for (const runId of runIds) times.push((await takenOver(bench, heirs, runId)) - killedAt);
      for (const runId of runIds) await bench.value(runId);
    }
    console.log({ takeovers: times.length, ...percentiles(times) });
    if (isLong) expect(percentiles(times).p99).toBeLessThanOrEqual(takeoverMsMax);
    expect(heirs.map(({ complaints }) => complaints).join("")).toBe("");
  },
  timeoutMs,
);

/** Lets the run end in whichever worker has taken it; the moment of the takeover. */
async function takenOver(bench: RelayBench, heirs: readonly RelayWorker[], runId: string): Promise<number> {
  const begins = () => bench.journal().filter((entry) => entry.kind === "begin" && entry.run === runId);
  await bench.until(() => begins().length === 2);
  for (const heir of heirs) bench.openGate(heir, runId, 0);
  const restart = (await bench.log(runId)).find(({ type }) => type === "step_started");
  expect(restart).toMatchObject({ epoch: 2, data: { attempt: 1, delivery: 2 } });
  return restart?.committedAt ?? Number.NaN;
}

/** Between the last two commits of a run. */
async function lastGap(bench: RelayBench, runId: string): Promise<number> {
  const moments = [...new Set((await bench.log(runId)).map(({ committedAt }) => committedAt))];
  return (moments.at(-1) ?? 0) - (moments.at(-2) ?? 0);
}

function percentiles(values: readonly number[]): { readonly p50: number; readonly p99: number; readonly max: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
