import { FatalError, RetryableError } from "@perdure/errors";
import { describe, expect, it } from "vitest";
import { Harness, program } from "./harness.testing.ts";

const types = async (harness: Harness, runId: string) => (await harness.log(runId)).map((event) => event.type);

describe.each(["resident", "replay"] as const)("a run in mode %s", (mode) => {
  it("runs steps one after the other and returns", async () => {
    const harness = new Harness({ mode });
    const worker = await harness.worker();
    const bundle = program(
      `async (n) => { const add = step("add"); let sum = 0; for (let i = 1; i <= n; i++) sum = await add(sum, i); return sum; }`,
      { add: (a: number, b: number) => a + b },
    );
    const runId = await harness.start(worker, bundle, [4]);
    expect(await harness.result(runId)).toBe(10);
    expect(await types(harness, runId)).toEqual([
      "run_created",
      "run_started",
      "step_created",
      ...Array(3).fill(["step_completed", "step_created"]).flat(),
      "step_completed",
      "run_completed",
    ]);
  });

  it("is taken up from a client's start", async () => {
    const harness = new Harness({ mode });
    await harness.worker();
    const bundle = program(`async (name) => "hello " + (await step("shout")(name))`, {
      shout: async (name: string) => name.toUpperCase(),
    });
    const runId = await harness.create(bundle, ["ada"]);
    expect(await harness.result(runId)).toBe("hello ADA");
  });

  it("sleeps, through a release, to the moment and not before", async () => {
    const harness = new Harness({ mode });
    const worker = await harness.worker();
    const bundle = program(`async () => { const before = Date.now(); await sleep("1h"); return Date.now() - before; }`);
    const runId = await harness.start(worker, bundle);
    await harness.env.settle();
    expect((await harness.record(runId)).owner).toBe(null);
    expect(await harness.result(runId, 4_000_000)).toBeGreaterThanOrEqual(3_600_000);
  });

  it("retries with growing delays, then fails with the last error as cause", async () => {
    const harness = new Harness({ mode });
    const worker = await harness.worker();
    let attempts = 0;
    const fail = Object.assign(
      () => {
        attempts += 1;
        throw new TypeError("no luck");
      },
      { maxRetries: 2 },
    );
    const bundle = program(
      `async () => { try { await step("fail")(); } catch (error) { return [error.message, error.cause instanceof TypeError, FatalError.is(error)]; } }`,
      { fail },
    );
    const runId = await harness.start(worker, bundle);
    expect(await harness.result(runId)).toEqual([
      'Step "step//./test//fail" failed after 2 retries: no luck',
      true,
      true,
    ]);
    expect(attempts).toBe(3);
  });

  it("does not retry a FatalError, and waits as a RetryableError asks", async () => {
    const harness = new Harness({ mode });
    const worker = await harness.worker();
    let tries = 0;
    const bundle = program(
      `async () => { const start = Date.now(); await step("later")(); const waited = Date.now() - start; try { await step("dead")(); } catch (error) { return [waited, error.message]; } }`,
      {
        later: () => {
          tries += 1;
          if (tries === 1) throw new RetryableError("busy", { retryAfter: "90s" });
        },
        dead: () => {
          throw new FatalError("stop");
        },
      },
    );
    const [waited, message] = (await harness.result(await harness.start(worker, bundle))) as [number, string];
    expect(waited).toBeGreaterThanOrEqual(90_000);
    expect(message).toBe("stop");
  });
});
