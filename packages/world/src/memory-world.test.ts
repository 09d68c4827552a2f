/** What the memory world does beyond the contract: the conformance suite covers the rest. */
import { StoreError } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import {
  bytes,
  cancelled,
  createRequest,
  runStarted,
  stepCreated,
  worker,
  workflowId,
} from "./conformance/requests.ts";
import type { NewDecision } from "./events.ts";
import { createMemoryWorld, type MemoryEnv, MemoryStore } from "./memory-world.ts";
import type { WakeHint, World } from "./world.ts";

/** A clock and timers that move when the test says so. */
class VirtualEnv implements MemoryEnv {
  time = 1_000;
  readonly timers = new Set<{ readonly due: number; readonly callback: () => void }>();

  now(): number {
    return this.time;
  }

  setTimer(ms: number, callback: () => void): () => void {
    const timer = { due: this.time + ms, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  advance(ms: number): void {
    this.time += ms;
    for (const timer of [...this.timers]) {
      if (timer.due > this.time) continue;
      this.timers.delete(timer);
      timer.callback();
    }
  }
}

const runId = (index: number): string => `wrun_${String(index).padStart(26, "0")}`;
const turn = () => new Promise(setImmediate);

async function createMany(world: World, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await world.runs.create(createRequest(runId(index)));
}

describe("time", () => {
  test("comes from the caller alone, also where waiting ends", async () => {
    const env = new VirtualEnv();
    const world = createMemoryWorld({ env });
    await createMany(world, 1);
    let answer: unknown;
    const waiting = world.runs.waitForEnd(runId(0), 5_000).then((run) => {
      answer = run?.status;
    });
    env.advance(4_999);
    await turn();
    expect(answer).toBeUndefined();
    env.advance(1);
    await waiting;
    expect(answer).toBe("pending");
    expect(env.timers.size).toBe(0);
  });

  test("an end that comes first leaves no timer behind", async () => {
    const env = new VirtualEnv();
    const world = createMemoryWorld({ env });
    await createMany(world, 1);
    const waiting = world.runs.waitForEnd(runId(0), 5_000);
    await world.log.append(runId(0), cancelled());
    expect((await waiting)?.status).toBe("cancelled");
    expect(env.timers.size).toBe(0);
  });
});

describe("stores", () => {
  test("are apart unless they are shared", async () => {
    const env = new VirtualEnv();
    const store = new MemoryStore("the first");
    const [first, second, other] = [
      createMemoryWorld({ env, store }),
      createMemoryWorld({ env, store }),
      createMemoryWorld({ env, incarnation: "the second" }),
    ];
    await createMany(first, 1);
    expect((await second.runs.get(runId(0)))?.runId).toBe(runId(0));
    expect(await other.runs.get(runId(0))).toBeNull();
    const incarnations = await Promise.all([first, second, other].map((world) => world.describe()));
    expect(incarnations.map(({ incarnation }) => incarnation)).toEqual(["the first", "the first", "the second"]);
  });

  test("hold namespaces apart: keys, tokens, claims and lists", async () => {
    const env = new VirtualEnv();
    const store = new MemoryStore();
    const [first, second] = [
      createMemoryWorld({ env, store, namespace: "a" }),
      createMemoryWorld({ env, store, namespace: "b" }),
    ];
    for (const world of [first, second]) {
      const result = await world.runs.create(createRequest(runId(0), { key: "order-42" }));
      expect(result.kind).toBe("created");
    }
    await first.claims.heartbeat(worker("w1"));
    expect((await first.claims.claim({ worker: worker("w1"), max: 9 })).runs).toHaveLength(1);
    expect((await second.runs.get(runId(0)))?.owner).toBeNull();
    expect((await second.runs.list({ limit: 9 })).items.map((run) => run.namespace)).toEqual(["b"]);
  });
});

describe("limits", () => {
  const steps = (count: number): NewDecision[] =>
    Array.from({ length: count }, (_, index) => stepCreated(`step_${index}`)({ position: 2, at: 1_000 }));

  test("an append that is larger than the world takes is refused, and nothing of it is written", async () => {
    const env = new VirtualEnv();
    const world = createMemoryWorld({ env, maxEventsPerAppend: 4 });
    await world.claims.heartbeat(worker("w1"));
    const eager = { worker: "w1", facts: [{ ...runStarted(), at: 1_000 }], decisions: steps(2), release: null };
    const request = createRequest(runId(0), { eager });
    const tooMany = { ...eager, decisions: steps(3) };
    await expect(world.runs.create({ ...request, eager: tooMany })).rejects.toSatisfy(isUnsupported);
    expect(await world.runs.get(runId(0))).toBeNull();
    await world.runs.create(request);
    const append = {
      by: "driver",
      epoch: 1,
      n: 2,
      ifTail: null,
      after: 4,
      facts: [],
      decisions: steps(5),
      release: null,
    } as const;
    await expect(world.log.append(runId(0), append)).rejects.toSatisfy(isUnsupported);
    expect((await world.runs.get(runId(0)))?.tail).toBe(4);
  });
});

const isUnsupported = (error: unknown): boolean =>
  StoreError.is(error) && error.code === "STORE_UNSUPPORTED" && error.outcome === "none";

describe("closing", () => {
  test("ends every wait, and tells listeners nothing more", async () => {
    const env = new VirtualEnv();
    const store = new MemoryStore();
    const [first, second] = [createMemoryWorld({ env, store }), createMemoryWorld({ env, store })];
    await createMany(first, 1);
    const hints: WakeHint[] = [];
    second.wake?.listen((hint) => hints.push(hint));
    const waiting = second.runs.waitForEnd(runId(0), 5_000);
    await second.close();
    await expect(waiting).rejects.toSatisfy((error) => StoreError.is(error) && error.code === "STORE_CLOSED");
    expect(env.timers.size).toBe(0);
    await first.log.append(runId(0), cancelled());
    await turn();
    expect(hints).toEqual([]);
  });
});

describe("hints", () => {
  test("come after the call, once for each run that changed in one turn", async () => {
    const env = new VirtualEnv();
    const world = createMemoryWorld({ env });
    const hints: (string | null)[] = [];
    world.wake?.listen((hint) => hints.push(hint.runId));
    const creations = [0, 1].map((index) => world.runs.create(createRequest(runId(index))));
    const cancellation = world.log.append(runId(1), cancelled());
    expect(hints).toEqual([]);
    await Promise.all([...creations, cancellation]);
    expect(hints).toEqual([runId(0), runId(1)]);
  });

  test("of many runs at once are one", async () => {
    const world = createMemoryWorld({ env: new VirtualEnv() });
    const hints: (string | null)[] = [];
    world.wake?.listen((hint) => hints.push(hint.runId));
    await Promise.all(Array.from({ length: 200 }, (_, index) => world.runs.create(createRequest(runId(index)))));
    expect(hints).toEqual([null]);
  });
});

describe("many runs", () => {
  test("10,000 due runs are claimed in batches, each once, in order", async () => {
    const env = new VirtualEnv();
    const world = createMemoryWorld({ env });
    await createMany(world, 10_000);
    await world.claims.heartbeat(worker("w1"));
    const claimed: string[] = [];
    for (;;) {
      const { runs } = await world.claims.claim({ worker: worker("w1"), max: 100 });
      if (runs.length === 0) break;
      claimed.push(...runs.map(({ run }) => run.runId));
    }
    expect(claimed).toEqual(Array.from({ length: 10_000 }, (_, index) => runId(index)));
    expect(await world.claims.poll("w1")).toEqual([]);
  });

  test("the runs of 1,000 lost workers are found", async () => {
    const env = new VirtualEnv();
    const world = createMemoryWorld({ env });
    await createMany(world, 1_000);
    for (let index = 0; index < 1_000; index += 1) {
      await world.claims.heartbeat(worker(`w${index}`));
      await world.claims.claim({ worker: worker(`w${index}`), max: 1 });
    }
    env.advance(worker("w").leaseMs);
    await world.claims.heartbeat(worker("heir"));
    expect((await world.claims.claim({ worker: worker("heir"), max: 5_000 })).runs).toHaveLength(1_000);
  });

  test("a wake-up that moves again and again leaves nothing behind", async () => {
    const env = new VirtualEnv();
    const world = createMemoryWorld({ env });
    await createMany(world, 1);
    for (let round = 0; round < 50; round += 1) {
      await world.claims.heartbeat(worker("w1"));
      const { runs } = await world.claims.claim({ worker: worker("w1"), max: 9 });
      expect(runs).toHaveLength(1);
      const { epoch } = runs[0] ?? { epoch: 0 };
      await world.claims.release(runId(0), { epoch, ifTail: 1, wakeAt: env.time + 1_000_000 });
      const parking = { reason: "limit", detail: "", position: null } as const;
      expect(await world.park(runId(0), epoch, parking)).toBe(true);
      await world.unpark(runId(0));
    }
    expect((await world.claims.claim({ worker: worker("w1", [workflowId]), max: 0 })).nextWakeAt).toBe(env.time);
  });
});

test("a bundle that is stored again under its id keeps its bytes", async () => {
  const world = createMemoryWorld({ env: new VirtualEnv() });
  await world.bundles.put("bndl_1", bytes("code"));
  await world.bundles.put("bndl_1", bytes("other code"));
  expect(await world.bundles.get("bndl_1")).toEqual(bytes("code"));
});
