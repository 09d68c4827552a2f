/** Two workers on one store: one dies or is suspended, the other goes on with its runs, and the one that wakes up late is fenced. */
import { expect, test } from "vitest";
import { RelayBench, type RelayWorker } from "./relay/relay-bench.ts";

/** A bound of liveness: nothing here is timed. */
const timeoutMs = 60_000;

test(
  "with default settings, the runs of a worker that was killed go on in the other one",
  async () => {
    const bench = await RelayBench.open();
    const lost = await bench.worker();
    const runIds = [await lost.start(2), await lost.start(2), await lost.start(2)];
    for (const runId of runIds) await bench.saw("begin", lost, runId, 0);
    const heir = await bench.worker();
    const ownersBefore = await Promise.all(runIds.map(async (runId) => (await bench.run(runId)).owner));

    lost.signal("SIGKILL");
    const killedAt = Date.now();
    for (const runId of runIds) await bench.saw("begin", heir, runId, 0);

    for (const [index, runId] of runIds.entries()) {
      const run = await bench.run(runId);
      expect(run).toMatchObject({ epoch: 2, status: "running", parked: null });
      expect(run.owner).not.toBe(ownersBefore[index]);
      const restart = (await bench.log(runId)).at(-1);
      expect(restart).toMatchObject({ type: "step_started", epoch: 2, data: { attempt: 1, delivery: 2 } });
      console.log(`run ${index + 1} was taken over ${(restart?.committedAt ?? 0) - killedAt} ms after the kill`);
      for (const leg of [0, 1]) bench.openGate(heir, runId, leg);
    }
    for (const runId of runIds) expect(await bench.value(runId)).toEqual([heir.pid, heir.pid]);
    expect(await lost.ended).toEqual({ code: null, signal: "SIGKILL" });
    expect(lost.complaints + heir.complaints).toBe("");
  },
  timeoutMs,
);

test(
  "a worker that was suspended past its lease is fenced when it wakes up, and works on",
  async () => {
    const bench = await RelayBench.open();
    const settings = { leaseMs: 1_000, sweepMs: 100 };
    const sleeper = await bench.worker(settings);
    const [recorded, running] = [await sleeper.start(2), await sleeper.start(1)];
    for (const runId of [recorded, running]) await bench.saw("begin", sleeper, runId, 0);
    const heir = await bench.worker(settings);

    sleeper.signal("SIGSTOP");
    for (const runId of [recorded, running]) await bench.saw("begin", heir, runId, 0);
    bench.openGate(heir, recorded, 0);
    await bench.saw("begin", heir, recorded, 1);

    // The late results: one of a step that is recorded by now, one of a step that still runs elsewhere.
    sleeper.signal("SIGCONT");
    for (const runId of [recorded, running]) {
      bench.openGate(sleeper, runId, 0);
      await bench.saw("end", sleeper, runId, 0);
    }
    await finishElsewhere(bench, sleeper);
    expect((await bench.run(running)).status).toBe("running");
    bench.openGate(heir, running, 0);
    expect(await bench.value(running)).toEqual([heir.pid]);

    // The heir goes; what it holds comes back to the one that was fenced.
    heir.signal("SIGTERM");
    bench.openGate(heir, recorded, 1);
    await heir.ended;
    const value = await bench.value(recorded);
    expect(value[0]).toBe(heir.pid);
    for (const runId of [recorded, running]) await expectFenced(bench, runId);
    expect(sleeper.complaints).toBe("");
  },
  timeoutMs,
);

/** The fenced worker takes up and finishes a run of its own, after which its refused writes are long answered. */
async function finishElsewhere(bench: RelayBench, worker: RelayWorker): Promise<void> {
  const other = await worker.start(2);
  for (const leg of [0, 1]) bench.openGate(worker, other, leg);
  expect(await bench.value(other)).toEqual([worker.pid, worker.pid]);
}

/** The first driver wrote the first turn and nothing else; each step is over once. */
async function expectFenced(bench: RelayBench, runId: string): Promise<void> {
  const log = await bench.log(runId);
  expect(log.filter(({ epoch }) => epoch === 1).map(({ type }) => type)).toEqual([
    "run_created",
    "run_started",
    "step_created",
  ]);
  const over = log.filter(({ type }) => type === "step_completed").map(({ correlationId }) => correlationId);
  expect(new Set(over).size).toBe(over.length);
}
