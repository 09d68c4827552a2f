/** Steps whose bodies any worker runs. */
import { StepLostError, StoreError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { getStepMetadata } from "../step/context.ts";
import { registerStep } from "../step/registry.ts";
import { Harness, program } from "./harness.testing.ts";

type Body = (...args: never[]) => unknown;

const background = <F extends Body>(fn: F, options: { readonly maxRetries?: number } = {}): F =>
  Object.assign(fn, { dispatch: "background", ...options });

const callOnce = `async (n) => { const work = step("work"); return await work(n); }`;

const types = async (harness: Harness, runId: string) => (await harness.log(runId)).map(({ type }) => type);

const inStep = async (harness: Harness, runId: string) => {
  const steps = (await harness.log(runId)).filter(({ type }) => type.startsWith("step_"));
  return steps.map(({ type, epoch, data }) => [type, epoch, "delivery" in data ? data.delivery : null]);
};

describe("a background step", () => {
  it("runs at a worker that drives nothing, while its driver has given the run back", async () => {
    const harness = new Harness();
    const owners: (string | null)[] = [];
    let runId = "";
    const work = background(async (n: number) => {
      owners.push((await harness.record(runId)).owner);
      return n + 1;
    });
    const driver = await harness.worker({ role: "orchestrate" });
    runId = await harness.start(driver, program(callOnce, { work }), [1]);
    await harness.env.advance(5_000);
    expect([owners, (await harness.record(runId)).owner]).toEqual([[], null]);
    await harness.worker({ role: "execute" });
    expect(await harness.result(runId, 5_000)).toBe(2);
    expect(owners).toEqual([null]);
    expect(await inStep(harness, runId)).toEqual([
      ["step_created", 1, null],
      ["step_completed", null, 1],
    ]);
  });

  it("runs at the worker that drives, when that executes too", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const work = background(async (n: number) => n * 2);
    const runId = await harness.start(worker, program(callOnce, { work }), [21]);
    expect(await harness.result(runId, 5_000)).toBe(42);
    expect(harness.errors).toEqual([]);
  });

  it("is told of its run, its attempt and its delivery", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const seen: unknown[] = [];
    const work = background(async () => {
      const { attempt, delivery, stepName } = getStepMetadata();
      seen.push([stepName, attempt, delivery]);
    });
    await harness.result(await harness.start(worker, program(callOnce, { work })), 5_000);
    expect(seen).toEqual([["work", 1, 1]]);
  });

  it("shares the worker's slots with inline steps", async () => {
    const harness = new Harness();
    let running = 0;
    let most = 0;
    const body = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => harness.env.setTimer(10, resolve));
      running -= 1;
    };
    const both = `async () => {
      const work = step("work"), near = step("near");
      await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? work() : near())));
    }`;
    const bundle = program(both, { work: background(() => body()), near: () => body() });
    const worker = await harness.worker({ stepsPerWorker: 3 });
    await harness.result(await harness.start(worker, bundle), 5_000);
    expect(most).toBe(3);
  });

  it("of which there are many is spread over workers, and each runs once", async () => {
    const harness = new Harness();
    const calls: number[] = [];
    const work = background(async (i: number) => {
      calls.push(i);
      await new Promise<void>((resolve) => harness.env.setTimer(5, resolve));
      return i;
    });
    const parallel = `async () => {
      const work = step("work");
      return (await Promise.all(Array.from({ length: 60 }, (_, i) => work(i)))).reduce((a, b) => a + b, 0);
    }`;
    const bundle = program(parallel, { work });
    const driver = await harness.worker({ role: "orchestrate" });
    for (let index = 0; index < 3; index += 1) await harness.worker({ role: "execute", stepsPerWorker: 4 });
    expect(await harness.result(await harness.start(driver, bundle), 60_000)).toBe(1_770);
    expect(calls.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });
});

describe("a background step that fails", () => {
  it("S5: is tried again by its executor, and its driver has nothing to do with it", async () => {
    const harness = new Harness();
    const attempts: number[] = [];
    const work = background(async () => {
      const { attempt } = getStepMetadata();
      attempts.push(attempt);
      if (attempt < 3) throw new TypeError("not yet");
      return attempt;
    });
    const driver = await harness.worker({ role: "orchestrate" });
    await harness.worker({ role: "execute" });
    const runId = await harness.start(driver, program(callOnce, { work }));
    expect(await harness.result(runId, 60_000)).toBe(3);
    expect(attempts).toEqual([1, 2, 3]);
    expect(await types(harness, runId)).toEqual([
      "run_created",
      "run_started",
      "step_created",
      "step_retrying",
      "step_retrying",
      "step_completed",
      "run_completed",
    ]);
    // The claim of the start, and the one that the result woke.
    expect((await harness.record(runId)).epoch).toBe(2);
  });

  it("fails its caller when no retries are left", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const work = background(
      async () => {
        throw new TypeError("never");
      },
      { maxRetries: 1 },
    );
    const runId = await harness.start(worker, program(callOnce, { work }));
    await expect(harness.result(runId, 60_000)).rejects.toThrow("failed after 1 retry: never");
  });

  it("S4: starts again elsewhere when its worker is lost, and the late result is not recorded", async () => {
    const harness = new Harness();
    const open = Promise.withResolvers<void>();
    const deliveries: number[] = [];
    const work = background(async () => {
      const { delivery } = getStepMetadata();
      deliveries.push(delivery);
      if (delivery === 1) await open.promise;
      return delivery;
    });
    const driver = await harness.worker({ role: "orchestrate" });
    const first = await harness.worker({ role: "execute" });
    const runId = await harness.start(driver, program(callOnce, { work }));
    await harness.env.until(() => deliveries.length === 1, 5_000);
    first.die();
    await harness.worker({ role: "execute" });
    expect(await harness.result(runId, 60_000)).toBe(2);
    open.resolve();
    await harness.env.advance(5_000);
    expect(deliveries).toEqual([1, 2]);
    expect((await types(harness, runId)).filter((type) => type === "step_completed")).toHaveLength(1);
  });

  it("starts again as soon as the lease of its lost worker is over", async () => {
    const harness = new Harness();
    const begun: number[] = [];
    const work = background(async () => {
      begun.push(harness.env.elapsed());
      return getStepMetadata().delivery === 1 ? new Promise(() => {}) : "done";
    });
    const lost = await harness.worker({ role: "execute" });
    const driver = await harness.worker({ role: "orchestrate" });
    const runId = await harness.start(driver, program(callOnce, { work }), [1]);
    await harness.env.advance(430);
    await harness.worker({ role: "execute" });
    lost.die();
    const lastBeatAt = harness.store.space("default").beats.get(lost.engine.id)?.at ?? Number.NaN;
    expect(await harness.result(runId, 10_000)).toBe("done");
    const pauseMs = (begun[1] ?? Number.NaN) - lastBeatAt - 3_500;
    expect(pauseMs).toBeGreaterThanOrEqual(0);
    expect(pauseMs).toBeLessThanOrEqual(60);
  });

  it("S4: fails with StepLostError when its workers are lost again and again", async () => {
    const harness = new Harness();
    const started: number[] = [];
    const work = background(async () => {
      started.push(getStepMetadata().delivery);
      await new Promise(() => {});
    });
    const catching = `async () => {
      const work = step("work");
      try { await work(); } catch (error) { return error.name; }
    }`;
    const driver = await harness.worker({ role: "orchestrate" });
    const runId = await harness.start(driver, program(catching, { work }));
    for (let lost = 1; lost <= 10; lost += 1) {
      const worker = await harness.worker({ role: "execute" });
      await harness.env.until(() => started.length === lost, 60_000);
      worker.die();
    }
    await harness.worker({ role: "execute" });
    expect(await harness.result(runId, 60_000)).toBe(StepLostError.name);
    expect(started).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});

describe("a worker of background steps", () => {
  it("aborts a body whose run was cancelled", async () => {
    const harness = new Harness();
    let aborted = false;
    const begun = Promise.withResolvers<void>();
    const work = background(async () => {
      const { signal } = getStepMetadata();
      begun.resolve();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      aborted = true;
    });
    const driver = await harness.worker({ role: "orchestrate" });
    await harness.worker({ role: "execute" });
    const runId = await harness.start(driver, program(callOnce, { work }));
    await harness.env.advance(2_000);
    await begun.promise;
    const fact = {
      type: "run_cancelled",
      correlationId: null,
      at: null,
      data: { reason: null },
      payload: null,
    } as const;
    await harness.world.log.append(runId, { by: "outside", key: "c", fact });
    await harness.env.until(() => aborted, 2_000);
    expect((await types(harness, runId)).at(-1)).toBe("run_cancelled");
  });

  it("S3: records what runs when it stops, and gives back what has not begun", async () => {
    const harness = new Harness();
    const open = Promise.withResolvers<void>();
    const begun: number[] = [];
    const work = background(async (i: number) => {
      begun.push(i);
      if (begun.length === 1) await open.promise;
      return i;
    });
    const two = `async () => { const work = step("work"); return await Promise.all([work(1), work(2)]); }`;
    const bundle = program(two, { work });
    const driver = await harness.worker({ role: "orchestrate" });
    const first = await harness.worker({ role: "execute", stepsPerWorker: 1 });
    const runId = await harness.start(driver, bundle);
    await harness.env.until(() => begun.length === 1, 5_000);
    const stopped = first.engine.stop(10_000);
    await harness.env.settle();
    open.resolve();
    await harness.env.settle();
    await stopped;
    expect((await inStep(harness, runId)).filter(([type]) => type === "step_completed")).toHaveLength(1);
    await harness.worker({ role: "execute" });
    expect(await harness.result(runId, 5_000)).toEqual([1, 2]);
    expect(begun).toEqual([1, 2]);
  });

  it("S3: abandons what still runs when its grace is over, and another starts it again", async () => {
    const harness = new Harness();
    const work = background(async () => {
      const { delivery } = getStepMetadata();
      if (delivery === 1) await new Promise(() => {});
      return delivery;
    });
    const driver = await harness.worker({ role: "orchestrate" });
    const first = await harness.worker({ role: "execute" });
    const runId = await harness.start(driver, program(callOnce, { work }));
    await harness.env.advance(1_000);
    const stopped = first.engine.stop(500);
    await harness.env.advance(500);
    await stopped;
    await harness.worker({ role: "execute" });
    expect(await harness.result(runId, 2_000)).toBe(2);
  });

  it("Q1: gives back a job that it does not know to have, because the answer was lost", async () => {
    let lost = 0;
    const wrap = (world: World): World => ({
      ...world,
      steps: {
        ...world.steps,
        claim: async (request) => {
          const result = await world.steps.claim(request);
          if (result.jobs.length === 0 || lost > 0) return result;
          lost += 1;
          throw new StoreError("STORE_UNAVAILABLE", "no answer", { outcome: "unknown" });
        },
      },
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const work = background(async () => getStepMetadata().delivery);
    const runId = await harness.start(worker, program(callOnce, { work }));
    expect(await harness.result(runId, 5_000)).toBe(2);
    expect(lost).toBe(1);
  });

  it("L5: sends a result again whose answer was lost, and it counts once", async () => {
    let lost = 0;
    const wrap = (world: World): World => ({
      ...world,
      log: {
        ...world.log,
        append: async (runId, request) => {
          const result = await world.log.append(runId, request);
          if (request.by !== "executor" || lost > 2) return result;
          lost += 1;
          throw new StoreError("STORE_UNAVAILABLE", "no answer", { outcome: "unknown" });
        },
      },
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    let calls = 0;
    const work = background(async () => {
      calls += 1;
      return calls;
    });
    const runId = await harness.start(worker, program(callOnce, { work }));
    expect(await harness.result(runId, 60_000)).toBe(1);
    await harness.env.advance(10_000);
    expect([calls, lost]).toEqual([1, 3]);
  });

  it("parks a run whose arguments cannot be read, and leaves the step open", async () => {
    const wrap = (world: World): World => ({
      ...world,
      steps: {
        ...world.steps,
        claim: async (request) => {
          const result = await world.steps.claim(request);
          const damaged = (created: (typeof result.jobs)[number]["created"]) => ({
            ...created,
            payload: new Uint8Array([1, 2, 3]),
          });
          return { ...result, jobs: result.jobs.map((job) => ({ ...job, created: damaged(job.created) })) };
        },
      },
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    let calls = 0;
    const work = background(async () => {
      calls += 1;
    });
    const runId = await harness.start(worker, program(callOnce, { work }));
    await harness.env.advance(30_000);
    expect((await harness.record(runId)).parked?.reason).toBe("undecodable");
    expect([calls, await inStep(harness, runId)]).toEqual([0, [["step_created", 1, null]]]);
    expect(await harness.world.steps.held(worker.engine.id)).toMatchObject([{ delivery: 1 }]);
  });

  it("parks a run whose call it takes other parameters for, and takes the job again when the run is put back", async () => {
    const harness = new Harness();
    const worker = await harness.worker();
    const register = (shape: string, answer: string): void =>
      registerStep(
        "step//./test//work",
        background(() => answer),
        { name: "work", shape, file: "test.ts", line: 1 },
      );
    register("(order,customer)", "new");
    const runId = await harness.start(worker, program(`async () => await step("work", "(order)")(1)`));
    await harness.env.advance(30_000);
    expect((await harness.record(runId)).parked).toMatchObject({ reason: "shape_changed", position: 3 });
    expect(await harness.world.steps.held(worker.engine.id)).toMatchObject([{ delivery: 1 }]);
    register("(order)", "old");
    await harness.env.advance(15_000);
    expect(await harness.result(runId, 60_000)).toBe("old");
    expect(await inStep(harness, runId)).toEqual([
      ["step_created", 1, null],
      ["step_completed", null, 2],
    ]);
  });

  it("looks seldom for jobs as long as no step asks to run in the background", async () => {
    let looks = 0;
    const wrap = (world: World): World => ({
      ...world,
      steps: {
        ...world.steps,
        claim: (request) => {
          looks += 1;
          return world.steps.claim(request);
        },
      },
    });
    const harness = new Harness({ wrap });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(callOnce, { work: async (n: number) => n }), [1]);
    await harness.result(runId);
    await harness.env.advance(60_000);
    expect(looks).toBeLessThanOrEqual(8);
  });
});
