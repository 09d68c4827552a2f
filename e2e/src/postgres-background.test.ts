/**
 * Background steps on one PostgreSQL server: a process drives the runs, others execute, and any of them may die.
 *
 * `PERDURE_LONG=1` kills 50 executors with the default lease, and holds the time to the next delivery against its bound.
 */
import { TestDatabases } from "@perdure/world-postgres/testing/databases";
import { expect, test } from "vitest";
import { RelayBench, type RelayWorker } from "./relay/relay-bench.ts";

const databases = new TestDatabases();
const isLong = process.env["PERDURE_LONG"] === "1";
const killCount = isLong ? 50 : 1;
const killSettings = isLong ? {} : { leaseMs: 800 };
const takeoverMsMax = 5_000;

/** A bound of liveness, many times what a kill takes. */
const timeoutMs = 60_000 + killCount * 20_000;

const openBench = async (): Promise<RelayBench> => RelayBench.open(await databases.create());

const executor = (bench: RelayBench, settings = {}): Promise<RelayWorker> =>
  bench.worker({ ...settings, role: "execute", queues: { haul: 2 } });

/** The legs that have begun in a process, in ascending order. */
const begunIn = (bench: RelayBench, { pid }: RelayWorker): readonly number[] => {
  const begun = bench.journal().flatMap((entry) => (entry.kind === "begin" && entry.pid === pid ? [entry.index] : []));
  return begun.toSorted((a, b) => a - b);
};

/** How often each background leg of a run was recorded, with the delivery that counted. */
async function deliveriesOf(bench: RelayBench, runId: string): Promise<readonly (number | null)[]> {
  const log = await bench.log(runId);
  const background = new Set(
    log.flatMap((event) =>
      event.type === "step_created" && event.data.dispatch === "background" ? [event.correlationId] : [],
    ),
  );
  return log.flatMap((event) =>
    event.type === "step_completed" && background.has(event.correlationId) ? [event.data.delivery] : [],
  );
}

test(
  "bodies run in the executors alone, as many as their queues allow, and once each though one of them and the driver die",
  async () => {
    const bench = await openBench();
    const settings = { leaseMs: 800 };
    const driver = await bench.worker({ ...settings, role: "orchestrate" });
    const size = 5;
    const runId = await driver.start({ fleet: size });
    const [lost, heir] = [await executor(bench, settings), await executor(bench, settings)];
    await bench.until(() => begunIn(bench, lost).length + begunIn(bench, heir).length === 4);
    expect([begunIn(bench, lost).length, begunIn(bench, heir).length]).toEqual([2, 2]);
    // Nobody has to hold a run that waits for others.
    expect((await bench.run(runId)).owner).toBe(null);

    lost.signal("SIGKILL");
    driver.signal("SIGKILL");
    for (let leg = 0; leg < size; leg += 1) bench.openGate(heir, runId, leg);
    await bench.until(() => begunIn(bench, heir).length === size);
    const next = await bench.worker({ ...settings, role: "orchestrate" });
    await bench.saw("begin", next, runId, size);
    bench.openGate(next, runId, size);

    expect(await bench.value(runId)).toEqual([...Array.from({ length: size }, () => heir.pid), next.pid]);
    expect((await deliveriesOf(bench, runId)).toSorted()).toEqual([1, 1, 1, 2, 2]);
    expect(begunIn(bench, driver)).toEqual([]);
    expect(begunIn(bench, heir)).toEqual([0, 1, 2, 3, 4]);
    expect(heir.complaints + next.complaints).toBe("");
  },
  timeoutMs,
);

test(
  "the result of an executor that was suspended past its lease is not recorded beside that of its heir",
  async () => {
    const bench = await openBench();
    const settings = { leaseMs: 800, sweepMs: 100 };
    const driver = await bench.worker({ ...settings, role: "orchestrate" });
    const sleeper = await executor(bench, settings);
    const runId = await driver.start({ fleet: 1 });
    await bench.saw("begin", sleeper, runId, 0);
    sleeper.signal("SIGSTOP");
    const heir = await executor(bench, settings);
    await bench.saw("begin", heir, runId, 0);

    bench.openGate(sleeper, runId, 0);
    sleeper.signal("SIGCONT");
    await bench.saw("end", sleeper, runId, 0);
    // It works on: what it takes up after its late result was answered is recorded.
    const later = await driver.start({ fleet: 3 });
    await bench.until(() => begunIn(bench, sleeper).length === 3);
    expect((await bench.run(runId)).status).toBe("running");
    for (const worker of [sleeper, heir]) for (const leg of [0, 1, 2]) bench.openGate(worker, later, leg);
    bench.openGate(heir, runId, 0);
    for (const [run, size] of [
      [runId, 1],
      [later, 3],
    ] as const) {
      await bench.saw("begin", driver, run, size);
      bench.openGate(driver, run, size);
    }
    expect(await bench.value(runId)).toEqual([heir.pid, driver.pid]);
    expect(await deliveriesOf(bench, runId)).toEqual([2]);
    expect((await bench.value(later)).slice(0, 3)).toContain(sleeper.pid);
    // The sleeper may have a word to say of a heartbeat that was under way when it was suspended.
    expect(heir.complaints + driver.complaints).toBe("");
  },
  timeoutMs,
);

test(
  `the bodies of an executor that is killed start again in another one, after each of ${killCount} kills`,
  async () => {
    const bench = await openBench();
    const driver = await bench.worker({ ...killSettings, role: "orchestrate" });
    const heir = await executor(bench, killSettings);
    const times: number[] = [];
    for (let kill = 0; kill < killCount; kill += 1) {
      const lost = await executor(bench, killSettings);
      const runId = await driver.start({ fleet: 4 });
      await bench.until(() => begunIn(bench, lost).length === 2);
      const held = begunIn(bench, lost);
      for (let leg = 0; leg < 4; leg += 1) if (!held.includes(leg)) bench.openGate(heir, runId, leg);
      const killedAt = Date.now();
      lost.signal("SIGKILL");
      for (const leg of held) {
        await bench.saw("begin", heir, runId, leg);
        times.push(Date.now() - killedAt);
      }
      for (const leg of held) bench.openGate(heir, runId, leg);
      await bench.saw("begin", driver, runId, 4);
      bench.openGate(driver, runId, 4);
      await bench.value(runId);
      expect((await deliveriesOf(bench, runId)).toSorted()).toEqual([1, 1, 2, 2]);
    }
    times.sort((a, b) => a - b);
    const [p50, p99, most] = [0.5, 0.99, 1].map((share) => times[Math.ceil(share * times.length) - 1]);
    console.log({ deliveries: times.length, p50, p99, most });
    if (isLong) expect(p99).toBeLessThanOrEqual(takeoverMsMax);
    expect(heir.complaints + driver.complaints).toBe("");
  },
  timeoutMs,
);
