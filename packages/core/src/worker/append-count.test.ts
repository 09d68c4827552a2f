import type { World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { Harness, program } from "./harness.testing.ts";
import { VirtualEnv } from "./virtual-env.testing.ts";

interface Counts {
  creates: number;
  appends: number;
  /** Events that a read gave. */
  eventsRead: number;
}

const never = new Promise<never>(() => {});

/** The world, with its calls counted. */
function counted(counts: Counts): (world: World) => World {
  return (world) => ({
    ...world,
    runs: {
      ...world.runs,
      create: (request) => {
        counts.creates += 1;
        return world.runs.create(request);
      },
    },
    log: {
      append: async (runId, request) => {
        counts.appends += 1;
        // A driver that asks for ever would let no time pass.
        if (counts.appends > 1_000) await never;
        return world.log.append(runId, request);
      },
      read: async (runId, range) => {
        const events = await world.log.read(runId, range);
        counts.eventsRead += events.length;
        return events;
      },
    },
  });
}

const sequential = `async (n) => { const add = step("add"); let sum = 0; for (let i = 0; i < n; i++) sum = await add(sum, 1); return sum; }`;
const steps = { add: (a: number, b: number) => a + b };

describe.each([1, 10, 100])("a sequential run of %i steps", (n) => {
  it("takes n + 1 appends when its starter is the worker, and reads nothing back", async () => {
    const counts = { creates: 0, appends: 0, eventsRead: 0 };
    const harness = new Harness({ wrap: counted(counts) });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(sequential, steps), [n]);
    expect(await harness.result(runId)).toBe(n);
    expect(counts).toEqual({ creates: 1, appends: n, eventsRead: 0 });
  });

  it("takes n + 2 appends when a client starts it, and reads its creation once", async () => {
    const counts = { creates: 0, appends: 0, eventsRead: 0 };
    const harness = new Harness({ wrap: counted(counts) });
    const bundle = program(sequential, steps);
    const runId = await harness.create(bundle, [n]);
    await harness.worker();
    expect(await harness.result(runId)).toBe(n);
    // The client's own creation goes through another world, and is the first of the n + 2.
    expect(counts).toEqual({ creates: 0, appends: n + 1, eventsRead: 1 });
  });
});

it("fifty parallel steps that finish together take at most five appends", async () => {
  const counts = { creates: 0, appends: 0, eventsRead: 0 };
  const harness = new Harness({ wrap: counted(counts) });
  const worker = await harness.worker();
  const parallel = `async () => { const work = step("work"); return (await Promise.all(Array.from({ length: 50 }, (_, i) => work(i)))).length; }`;
  const runId = await harness.start(worker, program(parallel, { work: async (i: number) => i }));
  expect(await harness.result(runId)).toBe(50);
  expect(counts.creates + counts.appends).toBeLessThanOrEqual(5);
  expect(counts.eventsRead).toBe(0);
});

it("a store whose clock is set back refuses the end of a sleep once, and is asked again when it is due", async () => {
  const counts = { creates: 0, appends: 0, eventsRead: 0 };
  const env = new VirtualEnv();
  let setBackMs = 0;
  const storeEnv = { now: () => 1_000_000 + env.elapsed() - setBackMs, setTimer: env.setTimer.bind(env) };
  const harness = new Harness({ env, world: { env: storeEnv }, wrap: counted(counts) });
  const worker = await harness.worker();
  const runId = await harness.start(worker, program(`async () => { await sleep(200); return "awake"; }`));
  setBackMs = 300;
  await env.advance(450);
  expect(counts.appends).toBe(1);
  expect(await harness.result(runId)).toBe("awake");
  expect(counts.appends).toBe(2);
  expect(env.elapsed()).toBeGreaterThanOrEqual(500);
});
