import { AsyncLocalStorage } from "node:async_hooks";
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

  it("shows a step nothing of its caller's AsyncLocalStorage, on any path that leads to its body", async () => {
    const storage = new AsyncLocalStorage<string>();
    const harness = new Harness({ mode });
    const worker = await harness.worker();
    const seen: (string | undefined)[] = [];
    const look = Object.assign(
      async () => {
        seen.push(storage.getStore());
        await null;
        seen.push(storage.getStore());
        if (seen.length === 2) throw new Error("once more");
        return storage.run("own", () => storage.getStore());
      },
      { maxRetries: 1 },
    );
    const bundle = program(`async () => [await step("look")(), await step("look")()]`, { look });
    const runId = await storage.run("secret", () => harness.start(worker, bundle));
    expect(await storage.run("another", () => harness.result(runId, 60_000))).toEqual(["own", "own"]);
    expect(seen).toEqual([undefined, undefined, undefined, undefined, undefined, undefined]);
  });

  it("prints what workflow code logs once, after the turn is durable", async () => {
    const harness = new Harness({ mode });
    const worker = await harness.worker();
    const talking = `async () => { console.log("one"); await step("echo")(1); console.warn("two", { a: 1 }); await sleep("1h"); console.info("three"); }`;
    const runId = await harness.start(worker, program(talking, { echo: (x: number) => x }));
    await harness.result(runId, 4_000_000);
    expect(harness.lines).toEqual(["one", "two { a: 1 }", "three"]);
  });

  it("survives rejected promises that workflow code never handles, and tells of them at the end of the run", async () => {
    const harness = new Harness({ mode });
    const worker = await harness.worker();
    const before = harness.strays.length;
    const careless = `async () => { void Promise.reject(new Error("lost")); const p = step("fail")(); await sleep(5); try { await p; } catch { return "caught"; } }`;
    const fail = Object.assign(() => Promise.reject(new TypeError("no")), { maxRetries: 0 });
    expect(await harness.result(await harness.start(worker, program(careless, { fail })))).toBe("caught");
    await harness.env.settle();
    expect(harness.strays.slice(before)).toEqual(["Error"]);
  });
});
