/** What becomes of claims when answers are lost, clocks jump, copies lag behind and leases run out. */
import { StoreError } from "@perdure/errors";
import type { ClaimResult, World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { getStepMetadata } from "../step/context.ts";
import { Harness, program } from "./harness.testing.ts";
import { VirtualEnv } from "./virtual-env.testing.ts";

const sum = `async (n) => { const add = step("add"); let sum = 0; for (let i = 0; i < n; i++) sum = await add(sum, 1); return sum; }`;
const steps = { add: async (a: number, b: number) => a + b };

type Claim = World["claims"]["claim"];

/** The world with another way to claim. */
function claiming(claim: (send: Claim, request: Parameters<Claim>[0]) => Promise<ClaimResult>) {
  return (world: World): World => ({
    ...world,
    claims: { ...world.claims, claim: (request) => claim(world.claims.claim, request) },
  });
}

describe("Q1: a run that its worker does not know to hold", () => {
  it("is given back when the answer to the claim was lost", async () => {
    let lost = 0;
    const wrap = claiming(async (send, request) => {
      const result = await send(request);
      if (result.runs.length === 0 || lost > 0) return result;
      lost += 1;
      throw new StoreError("STORE_UNAVAILABLE", "no answer", { outcome: "unknown" });
    });
    const harness = new Harness({ wrap });
    await harness.worker();
    const runId = await harness.create(program(sum, steps), [3]);
    expect(await harness.result(runId, 5_000)).toBe(3);
    expect(lost).toBe(1);
    // The claim that nobody heard of is the first, the one that drove the run the second.
    expect((await harness.record(runId)).epoch).toBe(2);
  });

  it("is found within a minute when a claim reached the store twice, which leaves no trace here", async () => {
    let ghosts = 0;
    const wrap = claiming(async (send, request) => {
      const result = await send(request);
      if (result.runs.length === 0 || ghosts > 0) return result;
      ghosts += 1;
      return { ...result, runs: [] };
    });
    const harness = new Harness({ wrap });
    await harness.worker();
    const runId = await harness.create(program(sum, steps), [3]);
    expect(await harness.result(runId, 60_000)).toBe(3);
    expect(ghosts).toBe(1);
  });
});

it("Q1: a run that is written to while its bundle cannot be had is given back soon, and not only at the next look", async () => {
  let failed = 0;
  let moves = 0;
  const wrap = (world: World): World => ({
    ...world,
    bundles: {
      ...world.bundles,
      get: async (id) => {
        failed += 1;
        if (failed === 1) throw new StoreError("STORE_UNAVAILABLE", "no answer");
        return await world.bundles.get(id);
      },
    },
    claims: {
      ...world.claims,
      // As if somebody had written between the claim and the release.
      release: async (runId, request) => {
        moves += 1;
        return moves === 1 ? "moved" : await world.claims.release(runId, request);
      },
    },
  });
  const harness = new Harness({ wrap });
  await harness.worker();
  const runId = await harness.create(program(sum, steps), [2]);
  expect(await harness.result(runId, 5_000)).toBe(2);
});

it("S3: a worker that stops while it asks what it holds gives nothing back whose step is still at work", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const released: string[] = [];
  const wrap = (world: World): World => ({
    ...world,
    claims: {
      ...world.claims,
      poll: async (workerId, which) => {
        const held = await world.claims.poll(workerId, which);
        if (which !== "held") return held;
        asked.resolve();
        await answer.promise;
        return held;
      },
      release: async (runId, request) => {
        released.push(runId);
        return await world.claims.release(runId, request);
      },
    },
  });
  const harness = new Harness({ wrap });
  const { engine } = await harness.worker();
  await harness.create(program(`async () => await step("endless")()`, { endless: () => new Promise(() => {}) }));
  await harness.env.advance(60_000);
  await asked.promise;
  const stopped = engine.stop(0);
  await harness.env.advance(1_000);
  answer.resolve();
  await stopped;
  await harness.env.settle();
  expect(released).toEqual([]);
});

describe("L8: a copy of the store that lags behind", () => {
  it.each([0, 1, 3])("answers with %i events of the log, and nothing is decided on them", async (prefix) => {
    let old = 0;
    const wrap = (world: World): World => ({
      ...world,
      log: {
        ...world.log,
        read: async (runId, range) => {
          const events = await world.log.read(runId, range);
          if (range.after > 0 || events.length <= prefix || old > 1) return events;
          old += 1;
          return events.slice(0, prefix);
        },
      },
    });
    const harness = new Harness({ wrap, mode: "replay" });
    const first = await harness.worker();
    const twice = `async () => { const hang = step("hang"); const first = await hang(1); return [first, await hang(2)]; }`;
    let calls = 0;
    const hang = (n: number) => {
      calls += 1;
      return n === 2 && calls === 2 ? new Promise(() => {}) : n;
    };
    const runId = await harness.start(first, program(twice, { hang }));
    await harness.env.settle();
    first.die();
    await harness.worker();
    expect(await harness.result(runId, 20_000)).toEqual([1, 2]);
    expect(old).toBeGreaterThan(0);
    expect(harness.errors).toEqual([]);
  });
});

describe("T1: a wall clock that jumps", () => {
  const dayMs = 86_400_000;

  it.each([-dayMs, dayMs])("by %i ms moves no sleep, while a body keeps the run claimed", async (jump) => {
    const harness = new Harness();
    const worker = await harness.worker();
    const race = `async () => await Promise.race([step("hang")(), sleep(4000).then(() => "slept")])`;
    const runId = await harness.start(worker, program(race, { hang: () => new Promise(() => {}) }));
    await harness.env.advance(1_000);
    harness.env.skewMs = jump;
    await harness.env.advance(2_900);
    expect((await harness.record(runId)).status).toBe("running");
    await harness.env.advance(200);
    expect(await harness.result(runId, 10)).toBe("slept");
  });
});

describe("Q1: a store whose clock is set back", () => {
  it("starts an attempt again at once that a lost worker had started", async () => {
    const env = new VirtualEnv();
    let skewMs = 0;
    const storeEnv = { now: () => env.elapsed() + skewMs, setTimer: env.setTimer.bind(env) };
    const harness = new Harness({ env, world: { env: storeEnv } });
    const starts: string[] = [];
    const flaky = () => {
      const { attempt, delivery } = getStepMetadata();
      starts.push(`${attempt}.${delivery}`);
      if (attempt === 1) throw new RangeError("once");
      return delivery === 2 ? new Promise(() => {}) : "worked";
    };
    const first = await harness.worker();
    const runId = await harness.start(first, program(`async () => await step("flaky")()`, { flaky }));
    await env.settle();
    void first.engine.stop(0);
    await env.settle();
    const second = await harness.worker();
    await env.until(() => starts.length === 2, 30_000);
    second.die();
    skewMs = -60_000;
    await harness.world.claims.retire(second.engine.id);
    await harness.worker();
    expect(await harness.result(runId, 10_000)).toBe("worked");
    expect(starts).toEqual(["1.1", "2.2", "2.3"]);
  });
});

describe("a retry that is due while every slot of its run is taken", () => {
  it("waits for a body to end, and sets no timer meanwhile", async () => {
    const harness = new Harness({ stepsPerRun: 1 });
    const first = await harness.worker();
    let finish = (_value: string): void => {};
    const slow = () =>
      new Promise<string>((resolve) => {
        finish = resolve;
      });
    const flaky = () => {
      if (getStepMetadata().attempt === 1) throw new RangeError("once");
      return "worked";
    };
    const both = `async () => await Promise.all([step("flaky")(), step("slow")()])`;
    const runId = await harness.start(first, program(both, { slow, flaky }));
    await harness.env.settle();
    first.die();
    await harness.worker();
    // The retry is due after a second; with a timer of 0 ms the clock would never get past that.
    await harness.env.advance(30_000);
    finish("slow");
    expect(await harness.result(runId, 30_000)).toEqual(["worked", "slow"]);
  });
});

describe("D1: a worker that claims a run again after its lease ran out", () => {
  it("starts nothing more for its claim before", async () => {
    const harness = new Harness({ stepsPerRun: 1 });
    const worker = await harness.worker();
    const starts: string[] = [];
    const finishes: (() => void)[] = [];
    const body = (name: string) => {
      starts.push(`${name}.${getStepMetadata().delivery}`);
      return new Promise<string>((resolve) => finishes.push(() => resolve(name)));
    };
    const both = `async () => { const body = step("body"); return await Promise.all([body("a"), body("b")]); }`;
    const runId = await harness.start(worker, program(both, { body }));
    // Between a beat and the next claim, so that the claim finds no sign of life.
    await harness.env.advance(900);
    await harness.world.claims.retire(worker.engine.id);
    await harness.env.advance(2_000);
    expect((await harness.record(runId)).epoch).toBe(2);
    // The body of the claim before still has the run's only slot; what waited behind it is not started any more.
    expect(starts).toEqual(["a.1"]);
    finishes[0]?.();
    await harness.env.settle();
    expect(starts).toEqual(["a.1", "a.2"]);
    finishes[1]?.();
    await harness.env.until(() => starts.length === 3, 10_000);
    finishes[2]?.();
    expect(await harness.result(runId, 10_000)).toEqual(["a", "b"]);
    expect(starts).toEqual(["a.1", "a.2", "b.2"]);
  });

  it("starts nothing more for its claim before either when it is told to stop meanwhile", async () => {
    const again = Promise.withResolvers<void>();
    let held = 0;
    const wrap = claiming(async (send, request) => {
      const result = await send(request);
      if (result.runs.length > 0) {
        held += 1;
        await again.promise;
      }
      return result;
    });
    const harness = new Harness({ wrap, stepsPerRun: 1 });
    const worker = await harness.worker();
    const starts: string[] = [];
    const finishes: (() => void)[] = [];
    const body = (name: string) => {
      starts.push(`${name}.${getStepMetadata().delivery}`);
      return new Promise<string>((resolve) => finishes.push(() => resolve(name)));
    };
    const both = `async () => { const body = step("body"); return await Promise.all([body("a"), body("b")]); }`;
    await harness.start(worker, program(both, { body }));
    await harness.env.advance(900);
    await harness.world.claims.retire(worker.engine.id);
    await harness.env.until(() => held === 1, 10_000);
    const stopped = worker.engine.stop(5_000);
    again.resolve();
    await harness.env.settle();
    finishes[0]?.();
    await harness.env.settle();
    await stopped;
    expect(starts).toEqual(["a.1"]);
  });
});

it.each([0, 170, 430, 690, 880])(
  "takes over what a lost worker held as soon as its lease is over, whenever it looks by itself: %i",
  async (offset) => {
    const harness = new Harness();
    const lost = await harness.worker();
    await harness.env.advance(offset);
    await harness.worker();
    const work = async () => (getStepMetadata().delivery === 1 ? new Promise(() => {}) : "done");
    const runId = await harness.start(lost, program(`async () => step("work")()`, { work }));
    await harness.env.advance(4_000 - offset);
    lost.die();
    const lastBeatAt = harness.store.space("default").beats.get(lost.engine.id)?.at ?? Number.NaN;
    expect(await harness.result(runId, 10_000)).toBe("done");
    const restart = (await harness.log(runId)).find(({ type }) => type === "step_started");
    const pauseMs = (restart?.committedAt ?? Number.NaN) - lastBeatAt - 3_500;
    expect(pauseMs).toBeGreaterThanOrEqual(0);
    expect(pauseMs).toBeLessThanOrEqual(60);
  },
);
