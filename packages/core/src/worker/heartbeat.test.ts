import { StoreError, storeRestoredError } from "@perdure/errors";
import type { WorkerInfo, World } from "@perdure/world";
import { afterEach, describe, expect, it, vi } from "vitest";
import { systemEnv } from "../env.ts";
import { type Heartbeat, type HeartbeatOptions, startHeartbeat } from "./heartbeat.ts";
import { VirtualEnv } from "./virtual-env.testing.ts";

const worker: WorkerInfo = { id: "wrkr_1", leaseMs: 400, workflows: ["order"] };

/** What the thread of a test counts: beats that it was asked for, whether they fail, and whether it was closed. */
const cell = { asked: 0, failing: 1, closed: 2, broken: 3 } as const;

const countingSource = `
module.exports = (shared) => {
  const cells = new Int32Array(shared);
  return {
    beat(worker) {
      Atomics.add(cells, ${cell.asked}, 1);
      if (worker.id !== "wrkr_1" || worker.workflows[0] !== "order") throw new TypeError("not the worker");
      if (Atomics.load(cells, ${cell.broken}) === 1) process.exit(3);
      if (Atomics.load(cells, ${cell.failing}) === 1) throw new RangeError("no beat");
    },
    close() { Atomics.store(cells, ${cell.closed}, 1); },
  };
};`;

const refusedSource = `
module.exports = () => ({
  beat() { throw Object.assign(new Error("refused"), { code: "STORE_RESTORED" }); },
  close() {},
});`;

interface TestWorld {
  readonly world: Pick<World, "claims">;
  readonly cells: Int32Array;
  /** Beats by call. */
  readonly calls: WorkerInfo[];
  fail: unknown;
}

function testWorld(source: string | null): TestWorld {
  const cells = new Int32Array(new SharedArrayBuffer(16));
  const calls: WorkerInfo[] = [];
  const made: TestWorld = {
    cells,
    calls,
    fail: null,
    world: {
      claims: {
        heartbeat: async (info: WorkerInfo) => {
          calls.push(info);
          if (made.fail !== null) throw made.fail;
        },
        heartbeatThread: () => (source === null ? null : { source, data: cells.buffer }),
      } as unknown as World["claims"],
    },
  };
  return made;
}

const running: Heartbeat[] = [];

async function start(options: Partial<HeartbeatOptions> & Pick<HeartbeatOptions, "world">): Promise<Heartbeat> {
  const started = await startHeartbeat({ worker, intervalMs: 20, stuckAfterMs: 60_000, env: systemEnv, ...options });
  running.push(started);
  return started;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.stop()));
});

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function until(condition: () => boolean): Promise<void> {
  await vi.waitUntil(condition, { timeout: 10_000, interval: 5 });
}

const asked = (world: TestWorld): number => Atomics.load(world.cells, cell.asked);

describe("with a thread", () => {
  it("beats before it is ready, and goes on while a step blocks the event loop", async () => {
    const made = testWorld(countingSource);
    const heartbeat = await start({ world: made.world });
    expect(made.calls).toEqual([worker]);
    await until(() => asked(made) > 0);
    const before = asked(made);
    block(3_000);
    expect(asked(made) - before).toBeGreaterThan(20);
    expect(heartbeat.alive()).toBe(true);
    expect(made.calls).toHaveLength(1);
  });

  it("pauses when the loop has not turned for the bound, says so, and goes on", async () => {
    const made = testWorld(countingSource);
    const stuck: number[] = [];
    const limits: unknown[] = [];
    const onStuck = (ms: number, limit: unknown) => limits.push(limit) && stuck.push(ms);
    const heartbeat = await start({ world: made.world, stuckAfterMs: 200, onStuck });
    await until(() => asked(made) > 0);
    block(1_500);
    const paused = asked(made);
    block(500);
    expect(asked(made)).toBe(paused);
    expect(heartbeat.alive()).toBe(false);
    expect(stuck).toEqual([]);
    await until(() => stuck.length > 0 && asked(made) > paused);
    expect(stuck).toHaveLength(1);
    expect(stuck[0]).toBeGreaterThan(1_900);
    expect(limits).toEqual([{ option: "stuckAfterMs", ms: 200 }]);
    await until(() => heartbeat.alive());
  });

  it("tells the first of a row of failures, tries again and recovers", async () => {
    const made = testWorld(countingSource);
    const errors: unknown[] = [];
    Atomics.store(made.cells, cell.failing, 1);
    const heartbeat = await start({ world: made.world, onError: (error) => errors.push(error) });
    await until(() => asked(made) > 5);
    const cause = expect.objectContaining({ name: "RangeError", message: "no beat" });
    expect(errors).toEqual([expect.objectContaining({ code: "STORE_UNAVAILABLE", cause })]);
    await until(() => !heartbeat.alive());
    Atomics.store(made.cells, cell.failing, 0);
    await until(() => heartbeat.alive());
    expect(errors).toHaveLength(1);
  });

  it("asks the world when the thread is refused because the store was put back, and tells what it says", async () => {
    const made = testWorld(refusedSource);
    const errors: unknown[] = [];
    await start({ world: made.world, onError: (error) => errors.push(error) });
    // The first beat is the one that the worker begins with.
    await until(() => made.calls.length > 1);
    expect(errors).toEqual([]);
    const restored = storeRestoredError("The store", "a test says so");
    made.fail = restored;
    await until(() => errors.length > 0);
    expect(errors[0]).toBe(restored);
  });

  it("closes the world's part and ends the thread", async () => {
    const made = testWorld(countingSource);
    const heartbeat = await start({ world: made.world });
    await until(() => asked(made) > 0);
    await heartbeat.stop();
    expect(Atomics.load(made.cells, cell.closed)).toBe(1);
    expect(heartbeat.alive()).toBe(false);
  });

  it.each([
    ["ends", countingSource, true],
    ["does not parse", "module.exports = (", false],
    ["cannot begin", "module.exports = () => { throw new Error('no store'); };", false],
  ])("beats from the event loop when the thread %s", async (_case, source, breaks) => {
    const made = testWorld(source);
    const errors: unknown[] = [];
    if (breaks) Atomics.store(made.cells, cell.broken, 1);
    const heartbeat = await start({ world: made.world, onError: (error) => errors.push(error) });
    await until(() => made.calls.length > 3);
    expect(errors).toEqual([expect.objectContaining({ code: "WORKER_SETUP" })]);
    expect(heartbeat.alive()).toBe(true);
  });

  it("beats from the event loop when the data cannot be sent to a thread", async () => {
    const made = testWorld(null);
    const errors: unknown[] = [];
    const claims = { ...made.world.claims, heartbeatThread: () => ({ source: countingSource, data: () => {} }) };
    await start({ world: { claims }, onError: (error) => errors.push(error) });
    await until(() => made.calls.length > 3);
    expect(errors).toEqual([expect.objectContaining({ name: "DataCloneError" })]);
  });
});

describe("without a thread", () => {
  it("beats every interval and stops", async () => {
    const env = new VirtualEnv();
    const made = testWorld(null);
    const heartbeat = await start({ world: made.world, env, intervalMs: 100 });
    await env.advance(1_000);
    expect(made.calls).toHaveLength(11);
    expect(heartbeat.alive()).toBe(true);
    await heartbeat.stop();
    await env.advance(1_000);
    expect(made.calls).toHaveLength(11);
  });

  it("tries a failed beat again sooner, tells the first of a row, and dies with its lease", async () => {
    const env = new VirtualEnv();
    const made = testWorld(null);
    const errors: unknown[] = [];
    const heartbeat = await start({ world: made.world, env, intervalMs: 100, onError: (error) => errors.push(error) });
    made.fail = new StoreError("STORE_UNAVAILABLE", "The store is away.", { outcome: "unknown" });
    await env.advance(300);
    expect(heartbeat.alive()).toBe(true);
    expect(made.calls.length).toBeGreaterThan(6);
    expect(errors).toEqual([made.fail]);
    await env.advance(200);
    expect(heartbeat.alive()).toBe(false);
    made.fail = null;
    await env.advance(100);
    expect(heartbeat.alive()).toBe(true);
    made.fail = new StoreError("STORE_UNAVAILABLE", "The store is away again.", { outcome: "unknown" });
    await env.advance(200);
    expect(errors).toHaveLength(2);
  });

  it("tells that the store was put back, whatever failed before", async () => {
    const env = new VirtualEnv();
    const made = testWorld(null);
    const errors: unknown[] = [];
    await start({ world: made.world, env, intervalMs: 100, onError: (error) => errors.push(error) });
    const away = new StoreError("STORE_UNAVAILABLE", "The store is away.");
    made.fail = away;
    await env.advance(200);
    const restored = storeRestoredError("The store", "a test says so");
    made.fail = restored;
    await env.advance(50);
    expect(errors.slice(0, 2)).toEqual([away, restored]);
  });

  it.each([
    ["a lease, if that is the shorter bound", 60_000, { option: "leaseMs", ms: 400 }],
    ["it may, if that is shorter than a lease", 300, { option: "stuckAfterMs", ms: 300 }],
  ])("says when the loop had not turned for as long as %s", async (_case, stuckAfterMs, limit) => {
    const made = testWorld(null);
    const stuck: number[] = [];
    const limits: unknown[] = [];
    const onStuck = (ms: number, bound: unknown) => limits.push(bound) && stuck.push(ms);
    await start({ world: made.world, stuckAfterMs, onStuck });
    block(500);
    await until(() => stuck.length > 0);
    expect(stuck).toHaveLength(1);
    expect(stuck[0]).toBeGreaterThan(450);
    expect(limits).toEqual([limit]);
  });

  it("rejects when the first beat cannot be stored", async () => {
    const made = testWorld(null);
    made.fail = new StoreError("STORE_UNAVAILABLE", "The store is away.", { outcome: "unknown" });
    await expect(start({ world: made.world })).rejects.toBe(made.fail);
  });
});
