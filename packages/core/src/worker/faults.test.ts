/** What a driver does when the store, the outside world or its own code gets in the way. */
import { StoreError } from "@perdure/errors";
import { dehydrate } from "@perdure/serde";
import type { AppendRequest, AppendResult, LogEvent, World } from "@perdure/world";
import { describe, expect, it, vi } from "vitest";
import { tokenHash } from "../replay/correlation-id.ts";
import { Execution } from "../replay/execution.ts";
import { getStepMetadata } from "../step/context.ts";
import { registerStep } from "../step/registry.ts";
import { Harness, program } from "./harness.testing.ts";

const sum = `async (n) => { const add = step("add"); let sum = 0; for (let i = 0; i < n; i++) sum = await add(sum, 1); return sum; }`;
const steps = { add: async (a: number, b: number) => a + b };

/** The world with another way to append. */
function appending(
  append: (world: World, runId: string, request: AppendRequest) => Promise<AppendResult>,
): (world: World) => World {
  return (world) => ({ ...world, log: { ...world.log, append: (runId, request) => append(world, runId, request) } });
}

async function sendPayload(world: World, token: string, key: string): Promise<boolean> {
  const open = await world.hooks.find(tokenHash(token));
  if (open === null) return false;
  const fact = {
    type: "hook_received" as const,
    correlationId: open.correlationId,
    at: null,
    data: { ordinal: 0 },
    payload: dehydrate(key, "a payload"),
  };
  return (await world.log.append(open.runId, { by: "outside", key, fact })).kind === "appended";
}

async function cancel(world: World, runId: string): Promise<AppendResult["kind"]> {
  const fact = { type: "run_cancelled" as const, correlationId: null, at: null, data: { reason: null }, payload: null };
  return (await world.log.append(runId, { by: "outside", key: "cancel", fact })).kind;
}

describe("lost acknowledgements", () => {
  it("are asked for again with the same append, and nothing is written twice", async () => {
    let lost = 0;
    const wrap = appending(async (world, runId, request) => {
      const result = await world.log.append(runId, request);
      lost += 1;
      if (lost % 2 === 1) throw new StoreError("STORE_UNAVAILABLE", "no answer", { outcome: "unknown" });
      return result;
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(sum, steps), [5]);
    expect(await harness.result(runId)).toBe(5);
    await harness.env.advance(100);
    const events = await harness.log(runId);
    expect(events.filter((event) => event.type === "step_completed")).toHaveLength(5);
    expect(lost).toBe(10);
    // Five answers were lost within ten seconds: the worker tells of the first.
    expect(harness.errors).toMatchObject([{ code: "STORE_UNAVAILABLE" }]);
  });

  it("of a creation lead to one run", async () => {
    let calls = 0;
    const wrap = (world: World): World => ({
      ...world,
      runs: {
        ...world.runs,
        create: async (request) => {
          const result = await world.runs.create(request);
          calls += 1;
          if (calls < 3) throw new StoreError("STORE_UNAVAILABLE", "no answer", { outcome: "unknown" });
          return result;
        },
      },
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const starting = harness.start(worker, program(sum, steps), [1]);
    await harness.env.advance(1_000);
    expect(await harness.result(await starting)).toBe(1);
    expect((await harness.world.runs.list({ limit: 10 })).items).toHaveLength(1);
  });

  it("refuses a start that the store certainly did not take", async () => {
    const wrap = (world: World): World => ({
      ...world,
      runs: { ...world.runs, create: () => Promise.reject(new StoreError("STORE_READ_ONLY", "read-only")) },
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const starting = harness.start(worker, program(sum, steps), [1]);
    await expect(starting).rejects.toMatchObject({ code: "STORE_READ_ONLY" });
    expect(worker.engine.claimedCount).toBe(0);
  });
});

describe("an outside writer", () => {
  const listener = `async (n) => { const h = createHook({ token: "busy" }); const add = step("add"); let sum = 0;
    for (let i = 0; i < n; i++) sum = await add(sum, 1); return sum; }`;

  it("that writes before every append leaves the driver two commits a turn, and its run finishes", async () => {
    let written = 0;
    let appends = 0;
    const wrap = appending(async (world, runId, request) => {
      if (await sendPayload(world, "busy", `k${written}`)) written += 1;
      appends += 1;
      return await world.log.append(runId, request);
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(listener, steps), [10]);
    expect(await harness.result(runId)).toBe(10);
    expect(written).toBeGreaterThanOrEqual(10);
    // Every turn was moved at most once before the safe path took it; the storm never pauses, so no turn is speculative.
    expect(appends).toBeLessThanOrEqual(2 * 10 + 2);
  });

  it("that moves the result of a second attempt has its body run once: the retry before it is read again", async () => {
    const attempts: number[] = [];
    let sent = false;
    const wrap = appending(async (world, runId, request) => {
      const isResult = request.by === "driver" && request.facts.some(({ type }) => type === "step_completed");
      if (isResult && !sent) sent = await sendPayload(world, "busy", "once");
      return await world.log.append(runId, request);
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const flaky = async () => {
      attempts.push(getStepMetadata().attempt);
      if (attempts.length === 1) throw new RangeError("once");
      return "worked";
    };
    const once = `async () => { const h = createHook({ token: "busy" }); return await step("flaky")(); }`;
    const runId = await harness.start(worker, program(once, { flaky }));
    expect(await harness.result(runId)).toBe("worked");
    expect(sent).toBe(true);
    expect(attempts).toEqual([1, 2]);
  });

  it("that moves a failed attempt, and is answered, starts no retry before it is due", async () => {
    const startedAt: number[] = [];
    let sent = false;
    const wrap = appending(async (world, runId, request) => {
      const isRetry = request.by === "driver" && request.facts.some(({ type }) => type === "step_retrying");
      if (isRetry && !sent) sent = await sendPayload(world, "busy", "once");
      return await world.log.append(runId, request);
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const flaky = async () => {
      startedAt.push(harness.env.elapsed());
      if (startedAt.length === 1) throw new RangeError("once");
      return 1;
    };
    const both = `async () => { const h = createHook({ token: "busy" });
      const answer = async () => { await h; return await step("add")(1, 1); };
      return await Promise.all([step("flaky")(), answer()]); }`;
    const runId = await harness.start(worker, program(both, { flaky, ...steps }));
    expect(await harness.result(runId)).toEqual([1, 2]);
    const retrying = (await harness.log(runId)).find(
      ({ type }) => type === "step_retrying",
    ) as LogEvent<"step_retrying">;
    expect(startedAt).toHaveLength(2);
    expect(startedAt[1]).toBeGreaterThanOrEqual(retrying.data.retryAt);
  });

  it("that pauses lets the driver speculate again", async () => {
    let appends = 0;
    const wrap = appending(async (world, runId, request) => {
      appends += 1;
      if (appends === 2) await sendPayload(world, "busy", "once");
      return await world.log.append(runId, request);
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(listener, steps), [20]);
    expect(await harness.result(runId)).toBe(20);
    expect(appends).toBeLessThanOrEqual(20 + 3);
  });
});

describe("a store without compare-and-append, or with small appends", () => {
  it.each([{ compareAndAppend: false }, { maxEventsPerAppend: 4 }, { compareAndAppend: false, maxEventsPerAppend: 4 }])(
    "%o carries the same runs",
    async (world) => {
      const harness = new Harness({ world });
      const worker = await harness.worker();
      const fan = `async () => { const add = step("add"); const parts = await Promise.all(Array.from({ length: 12 }, (_, i) => add(i, 1))); await sleep(5); return parts.length; }`;
      expect(await harness.result(await harness.start(worker, program(fan, steps)))).toBe(12);
      expect(await harness.result(await harness.create(program(fan, steps)))).toBe(12);
      expect(harness.errors).toEqual([]);
    },
  );
});

describe("cancelling", () => {
  it("ends the run at once, aborts its bodies and refuses their results", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    let finish: (() => void) | undefined;
    const slow = () =>
      new Promise<void>((resolve) => {
        finish = resolve;
      });
    const runId = await harness.start(worker, program(`async () => { await step("slow")(); return 1; }`, { slow }));
    await harness.env.settle();
    expect(await cancel(harness.world, runId)).toBe("appended");
    await harness.env.settle();
    expect(worker.engine.claimedCount).toBe(0);
    finish?.();
    await harness.env.advance(100);
    expect((await harness.log(runId)).at(-1)?.type).toBe("run_cancelled");
    expect(await cancel(harness.world, runId)).toBe("appended");
    expect((await harness.log(runId)).filter((event) => event.type === "run_cancelled")).toHaveLength(1);
  });
});

describe("a lost worker", () => {
  it("is followed by another, which starts its open steps again as a new delivery of the same attempt", async () => {
    const harness = new Harness();
    const first = await harness.worker();
    const deliveries: number[] = [];
    const hang = () => (deliveries.push(deliveries.length + 1) === 1 ? new Promise(() => {}) : "done");
    const runId = await harness.start(first, program(`async () => await step("hang")()`, { hang }));
    await harness.env.settle();
    first.die();
    await harness.worker();
    expect(await harness.result(runId, 10_000)).toBe("done");
    const types = (await harness.log(runId)).map((event) => event.type);
    expect(types).toEqual([
      "run_created",
      "run_started",
      "step_created",
      "step_started",
      "step_completed",
      "run_completed",
    ]);
  });

  it("is fenced when it wakes up: its result is refused and its run is not disturbed", async () => {
    const harness = new Harness();
    const zombie = await harness.worker();
    const finishes: ((value: string) => void)[] = [];
    const hang = () => new Promise<string>((resolve) => finishes.push(resolve));
    const runId = await harness.start(zombie, program(`async () => await step("hang")()`, { hang }));
    await harness.env.settle();
    zombie.die();
    await harness.worker();
    await harness.env.until(() => finishes.length === 2, 10_000);
    finishes[0]?.("of the zombie");
    await harness.env.advance(10);
    expect(zombie.engine.claimedCount).toBe(0);
    finishes[1]?.("of the successor");
    expect(await harness.result(runId)).toBe("of the successor");
  });
});

it("a turn that signals from outside interrupt, however often, is taken again and never counts as running away", async () => {
  const original = Execution.prototype.deliver;
  let interruptions = 0;
  const spy = vi.spyOn(Execution.prototype, "deliver").mockImplementation(function (this: Execution, facts) {
    interruptions += 1;
    if (interruptions > 3) return original.call(this, facts);
    return { reason: "runaway", detail: "was interrupted", position: null, interrupted: true };
  });
  const harness = new Harness();
  await harness.worker();
  const runId = await harness.create(program(sum, steps), [2]);
  expect(await harness.result(runId)).toBe(2);
  expect(interruptions).toBeGreaterThan(3);
  spy.mockRestore();
});

describe("runs that cannot go on", () => {
  it("fail at once when nothing will ever settle what they await", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(`async () => { await new Promise(() => {}); }`));
    await expect(harness.result(runId)).rejects.toMatchObject({ code: "WORKFLOW_STUCK" });
  });

  it("are parked when a step is missing, and go on when somebody registers it", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(`async () => await step("lateComer")()`));
    await harness.env.advance(10);
    const { parked } = await harness.record(runId);
    expect(parked).toMatchObject({ reason: "needs_step", position: 3 });
    program("async () => {}", { lateComer: () => "here" });
    expect(await harness.result(runId, 10_000)).toBe("here");
  });

  it("are parked when a step takes other parameters now, and go on when it takes the old ones again", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const register = (shape: string, answer: string): void =>
      registerStep("step//./test//shaped", () => answer, { name: "shaped", shape, file: "test.ts", line: 1 });
    register("(order,customer)", "new");
    const runId = await harness.start(worker, program(`async () => await step("shaped", "(order)")(1)`));
    await harness.env.advance(10);
    const { parked } = await harness.record(runId);
    expect(parked).toMatchObject({ reason: "shape_changed", position: 3 });
    expect(parked?.detail).toBe(
      "Step step//./test//shaped (shaped #1) was called with the parameters (order), and takes (order,customer) in this process.",
    );
    register("(order)", "old");
    expect(await harness.result(runId, 10_000)).toBe("old");
  });

  it("are parked, not failed, when their log does not fit their code", async () => {
    const harness = new Harness({ mode: "replay" });
    const worker = await harness.worker();
    const unstable = `async () => { globalThis.turns = 0; const add = step("add"); await add(1, 1); await sleep("1h"); return 1; }`;
    const runId = await harness.start(worker, program(unstable, steps));
    await harness.env.settle();
    const stored = harness.store.space("default").runs.get(runId);
    const call = stored?.events[2];
    if (stored === undefined || call?.type !== "step_created") throw new Error("no step at position 3");
    stored.events[2] = { ...call, data: { ...call.data, inputDigest: "1:other" } };
    await harness.env.advance(4_000_000);
    const { parked, status } = await harness.record(runId);
    expect(status).toBe("running");
    expect(parked).toMatchObject({ reason: "diverged", position: 3 });
    expect(parked?.detail).toContain("add #1");
  });
});

describe("keys", () => {
  it("lead a second start to the first run", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const bundle = program(sum, steps);
    const first = await harness.start(worker, bundle, [2], "order-7");
    const second = await harness.start(worker, bundle, [3], "order-7");
    expect(second).toBe(first);
    expect(await harness.result(first)).toBe(2);
    expect(worker.engine.claimedCount).toBe(0);
  });
});

describe("stopping a worker", () => {
  it("records what runs, gives its runs back, and starts nothing more", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const finishes: (() => void)[] = [];
    const slow = () => new Promise<void>((resolve) => finishes.push(resolve));
    const twice = `async () => { await step("slow")(); await step("slow")(); return "end"; }`;
    const runId = await harness.start(worker, program(twice, { slow }));
    await harness.env.settle();
    const stopping = worker.engine.stop(5_000);
    await harness.env.settle();
    finishes[0]?.();
    await harness.env.settle();
    await stopping;
    expect(finishes).toHaveLength(1);
    const run = await harness.record(runId);
    expect(run.owner).toBe(null);
    expect((await harness.log(runId)).at(-1)?.type).toBe("step_completed");
    await harness.worker();
    await harness.env.until(() => finishes.length === 2, 100);
    finishes[1]?.();
    expect(await harness.result(runId)).toBe("end");
  });
});
