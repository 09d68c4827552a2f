import { WorkerSetupError } from "@perdure/errors";
import { describe, expect, it } from "vitest";
import { Harness, program } from "./harness.testing.ts";
import { workerSettings } from "./settings.ts";

describe("a run with very many ready steps", () => {
  it("starves no other run of its worker", async () => {
    const harness = new Harness({ stepsPerWorker: 4, stepsPerRun: 4 });
    const worker = await harness.worker();
    const work = () => new Promise<void>((resolve) => harness.env.setTimer(10, resolve));
    const many = program(
      `async (count) => { const work = step("work"); await Promise.all(Array.from({ length: count }, () => work())); return count; }`,
      { work },
    );
    const large = await harness.start(worker, many, [1_000]);
    const small = await harness.start(worker, many, [3]);
    expect(await harness.result(small, 1_000)).toBe(3);
    expect((await harness.record(large)).status).toBe("running");
    expect(await harness.result(large, 60_000)).toBe(1_000);
  });
});

describe("a step that names a queue", () => {
  it("shares the slots of the queue with the steps of other runs", async () => {
    const harness = new Harness({ queues: { mail: 2 } });
    const worker = await harness.worker();
    let running = 0;
    let most = 0;
    let free = 0;
    const send = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => harness.env.setTimer(1_000, resolve));
      running -= 1;
    };
    const log = (): void => {
      free += 1;
    };
    const bundle = program(
      `async () => { const send = step("send"); return await Promise.all([send(), send(), send(), step("log")()]); }`,
      { send: Object.assign(send, { queue: "mail" }), log },
    );
    const runIds = [await harness.start(worker, bundle), await harness.start(worker, bundle)];
    await harness.env.settle();
    expect([running, free]).toEqual([2, 2]);
    for (const runId of runIds) await harness.result(runId, 60_000);
    expect(most).toBe(2);
  });

  it("takes no job in the background that its queue has no room for, and those of other queues meanwhile", async () => {
    const harness = new Harness();
    const running = { mail: 0, free: 0 };
    const most = { mail: 0, free: 0 };
    const body = (queue: "mail" | "free") => async (): Promise<void> => {
      running[queue] += 1;
      most[queue] = Math.max(most[queue], running[queue]);
      await new Promise<void>((resolve) => harness.env.setTimer(1_000, resolve));
      running[queue] -= 1;
    };
    const code = `async () => {
      const send = step("send"), work = step("work");
      await Promise.all(Array.from({ length: 12 }, (_, i) => (i % 2 ? send() : work())));
    }`;
    const send = Object.assign(body("mail"), { dispatch: "background", queue: "mail" });
    const bundle = program(code, { send, work: Object.assign(body("free"), { dispatch: "background" }) });
    const driver = await harness.worker({ role: "orchestrate" });
    const executor = await harness.worker({ role: "execute", queues: { mail: 2 } });
    const runId = await harness.start(driver, bundle);
    await harness.env.advance(900);
    expect(running).toEqual({ mail: 2, free: 6 });
    expect(await harness.world.steps.held(executor.engine.id)).toHaveLength(8);
    await harness.result(runId, 60_000);
    expect(most).toEqual({ mail: 2, free: 6 });
  });
});

describe("the limits of queues", () => {
  it.each([
    [{ mail: 0 }, "queues.mail"],
    [{ mail: 1.5 }, "queues.mail"],
    [[1], "queues"],
    [3, "queues"],
  ])("that make no sense are refused: %j", (queues, name) => {
    const error = (() => {
      try {
        return workerSettings({ queues: queues as never });
      } catch (thrown) {
        return thrown;
      }
    })();
    if (!WorkerSetupError.is(error)) expect.fail("the settings are refused");
    expect(error.message).toContain(`"${name}" must be`);
  });
});
