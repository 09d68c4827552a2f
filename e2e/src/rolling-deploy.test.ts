/** Workers of one build are replaced by those of the next while runs are under way: on which code each run goes on. */
import { afterAll, expect, test } from "vitest";
import { DeployBench, type DeployedWorker } from "./deploy/deploy-bench.ts";

/** A bound of liveness: nothing here is timed. */
const timeoutMs = 240_000;

const rounds = 6;
const charges = Array.from({ length: rounds }, (_, index) => index);

const first = {
  name: "A",
  steps: ["charge(index: number)", "ship(order: string)"],
  body: `  const seen: unknown[] = ["on A"];
  for (let index = 0; index < ${rounds}; index += 1) { seen.push(await charge(index)); await sleep(50); }
  seen.push(await ship("order"));
  return seen;`,
};

/** Ships first, and charges once. */
const second = {
  name: "B",
  steps: first.steps,
  body: `  return ["on B", await ship("order"), await charge(0)];`,
};

/** Without one of the steps. */
const without = { name: "without", steps: ["charge(index: number)"], body: `  return await charge(0);` };

/** One of the steps takes other parameters. */
const reshaped = {
  name: "reshaped",
  steps: ["charge(index: number)", "ship(customer: string, order: string)"],
  body: `  await charge(0);
  return await ship("customer", "order");`,
};

const opening = DeployBench.open([first, second, without, reshaped]);
// Told by the first test that needs it.
opening.catch(() => {});
afterAll(async () => await (await opening).close());

test(
  "a rolling deploy under load leaves each run on the code that started it, and its steps to the newest",
  async () => {
    const bench = await opening;
    const workers = await Promise.all([bench.worker("A"), bench.worker("A"), bench.worker("A")]);
    const runs = new Map<string, string>();
    const startOn = async (worker: DeployedWorker, count: number): Promise<void> => {
      const keys = Array.from({ length: count }, (_, index) => `run-${runs.size + index}`);
      for (const runId of await Promise.all(keys.map((key) => worker.start(key)))) runs.set(runId, worker.build);
    };
    for (const worker of workers) await startOn(worker, 5);

    for (const [index, old] of workers.entries()) {
      const next = await bench.worker("B");
      await startOn(next, 5);
      await bench.until(() => bench.bodies().some(({ build }) => build === "B"));
      await startOn(old, 5);
      // The runs of A wait at the gate in one worker or another: one is told to stop, the others die.
      await (index === 0 ? old.stop() : old.kill());
    }
    bench.openGate();

    for (const [runId, build] of runs) {
      const value = (await bench.value(runId)) as readonly string[];
      expect(value[0]).toBe(`on ${build}`);
      const log = await bench.log(runId);
      const names = log.flatMap((event) => (event.type === "step_created" ? [event.data.name] : []));
      expect(names).toEqual(build === "A" ? [...charges.map(() => "charge"), "ship"] : ["ship", "charge"]);
    }
    const onA = bench.bodies().filter(({ run }) => runs.get(run) === "A");
    expect(new Set(onA.map(({ build }) => build))).toEqual(new Set(["A", "B"]));
    // Both builds served the database at the same time.
    const builds = bench.bodies().map(({ build }) => build);
    expect(builds.indexOf("B")).toBeLessThan(builds.lastIndexOf("A"));
    // The last steps were run by the newest build, since no other was left.
    expect(builds.at(-1)).toBe("B");
  },
  timeoutMs,
);

test(
  "a run whose step is not in the newest build is parked, and goes on by itself in a build that has it again",
  async () => {
    const bench = await opening;
    bench.openGate();
    const old = await bench.worker("A");
    const runId = await old.start("lacks-ship");
    await old.stop();
    const next = await bench.worker("without");
    expect(await bench.parked(runId)).toMatchObject({ reason: "needs_step" });
    // What it had is done by the new build; what that has not is not done at all.
    expect(bench.bodiesOf(runId).map(({ step }) => step)).not.toContain("ship");
    await next.stop();
    await bench.worker("A");
    expect(await bench.value(runId)).toHaveLength(rounds + 2);
    expect(bench.bodiesOf(runId).at(-1)).toMatchObject({ step: "ship", build: "A" });
  },
  timeoutMs,
);

test(
  "a run whose step takes other parameters in the newest build is parked, and goes on where they are the old ones",
  async () => {
    const bench = await opening;
    bench.openGate();
    const old = await bench.worker("A");
    const runId = await old.start("ships-otherwise");
    await old.stop();
    const next = await bench.worker("reshaped");
    const { reason, detail } = await bench.parked(runId);
    expect(reason).toBe("shape_changed");
    expect(detail).toContain("(order)");
    expect(detail).toContain("(customer,order)");
    expect(bench.bodiesOf(runId).map(({ step }) => step)).not.toContain("ship");
    // Its own runs have the new parameters.
    expect(await bench.value(await next.start("new"))).toBe("ship by reshaped");
    await next.stop();
    await bench.worker("A");
    expect(await bench.value(runId)).toHaveLength(rounds + 2);
    expect(bench.bodiesOf(runId).filter(({ step }) => step === "ship")).toEqual([
      { run: runId, step: "ship", args: ["order"], build: "A" },
    ]);
  },
  timeoutMs,
);
