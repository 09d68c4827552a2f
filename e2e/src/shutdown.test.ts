/** A worker that is told to end: what runs is finished and recorded, the rest is given back at once. */
import { once } from "node:events";
import { expect, test } from "vitest";
import { type Ending, RelayBench, spawnNode } from "./relay/relay-bench.ts";

/** A bound of liveness; a lease of this length never runs out within a test. */
const timeoutMs = 60_000;
const endlessLease = { leaseMs: 100 * timeoutMs };

const signals = ["SIGTERM", "SIGINT"] as const;

/** How a program without Perdure ends by a signal. */
async function plainEnding(signal: NodeJS.Signals): Promise<Ending> {
  const child = spawnNode(["--eval", "setInterval(() => {}, 1000); process.send('ready')"]);
  await once(child, "message");
  child.kill(signal);
  const [code, name] = await once(child, "exit");
  return { code, signal: name };
}

test.each(signals)(
  "%s: running bodies finish and are recorded, and the next worker has the runs without waiting for a lease",
  async (signal) => {
    const bench = await RelayBench.open();
    const first = await bench.worker(endlessLease);
    const [busy, other] = [await first.start(3), await first.start(2)];
    for (const runId of [busy, other]) await bench.saw("begin", first, runId, 0);

    first.signal(signal);
    await bench.sawSignal(first, signal);
    for (const runId of [busy, other]) bench.openGate(first, runId, 0);
    expect(await first.ended).toEqual(await plainEnding(signal));
    for (const runId of [busy, other]) {
      expect((await bench.log(runId)).map(({ type }) => type)).toEqual([
        "run_created",
        "run_started",
        "step_created",
        "step_completed",
      ]);
      const { status, owner, parked, wakeAt } = await bench.run(runId);
      expect({ status, owner, parked }).toEqual({ status: "running", owner: null, parked: null });
      expect(wakeAt).toBeLessThanOrEqual(Date.now());
    }

    const second = await bench.worker(endlessLease);
    for (const leg of [1, 2]) {
      for (const runId of [busy, other]) bench.openGate(second, runId, leg);
    }
    expect(await bench.value(busy)).toEqual([first.pid, second.pid, second.pid]);
    expect(await bench.value(other)).toEqual([first.pid, second.pid]);
    const types = (await bench.log(busy)).map(({ type }) => type);
    expect(types.filter((type) => type === "step_created")).toHaveLength(3);
    expect(types).not.toContain("step_started");
    expect(first.complaints + second.complaints).toBe("");
  },
  timeoutMs,
);

test(
  "an idle worker leaves at once, and what waited for it goes to one that is running already",
  async () => {
    const bench = await RelayBench.open();
    const first = await bench.worker(endlessLease);
    const runId = await first.start(1);
    await bench.saw("begin", first, runId, 0);
    const second = await bench.worker(endlessLease);
    const idle = await bench.worker(endlessLease);
    idle.signal("SIGTERM");
    expect(await idle.ended).toEqual(await plainEnding("SIGTERM"));

    const next = await second.start(1);
    await bench.saw("begin", second, next, 0);
    second.signal("SIGTERM");
    await bench.sawSignal(second, "SIGTERM");
    // A second signal does not wait for bodies that run.
    second.signal("SIGTERM");
    expect(await second.ended).toEqual(await plainEnding("SIGTERM"));
    expect(await bench.run(next)).toMatchObject({ status: "running", epoch: 1 });
    bench.openGate(first, runId, 0);
    expect(await bench.value(runId)).toEqual([first.pid]);
  },
  timeoutMs,
);
