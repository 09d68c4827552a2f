/** Results that somebody who does not hold the claim has recorded: what the driver makes of them. */
import type { ExecutorAppend } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { workflowInput } from "../client/workflow-input.ts";
import { Harness, program } from "./harness.testing.ts";

const twice = `async () => { const work = step("work"); return [await work("first"), await work("second")]; }`;

/** A step body that ends when the test says so. */
function heldWork() {
  const calls: { readonly name: string; readonly finish: (result: string) => void }[] = [];
  const work = (name: string) => new Promise<string>((resolve) => calls.push({ name, finish: resolve }));
  return { calls, work };
}

/** What an executor reports of the step that the log created last. */
async function report(harness: Harness, runId: string, fact: Omit<ExecutorAppend["fact"], "at" | "correlationId">) {
  const created = (await harness.log(runId)).findLast(({ type }) => type === "step_created");
  const request: ExecutorAppend = {
    by: "executor",
    key: `${runId} ${fact.type}`,
    attempt: 1,
    delivery: 1,
    fact: { ...fact, at: null, correlationId: created?.correlationId ?? null } as ExecutorAppend["fact"],
  };
  expect(await harness.world.log.append(runId, request)).toMatchObject({ kind: "appended" });
}

const completed = (result: string) =>
  ({
    type: "step_completed",
    data: { attempt: 1, delivery: 1 },
    payload: workflowInput([result], "main").bytes,
  }) as const;

describe("a result by an executor", () => {
  it("of a body that runs here is taken, and what the body brings later is dropped", async () => {
    const harness = new Harness();
    const { calls, work } = heldWork();
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(twice, { work }));
    await harness.env.advance(10);
    await report(harness, runId, completed("by the executor"));
    await harness.env.until(() => calls.length === 2);
    calls[0]?.finish("late");
    await harness.env.advance(10);
    calls[1]?.finish("second");
    expect(await harness.result(runId)).toEqual([["by the executor"], "second"]);
    expect(harness.errors).toEqual([]);
    expect(calls.map(({ name }) => name)).toEqual(["first", "second"]);
  });

  it("that comes while the body's own is on its way is the one that counts", async () => {
    const harness = new Harness({
      wrap: (world) => ({
        ...world,
        log: {
          ...world.log,
          append: async (runId, request) => {
            const isFirst = request.by === "driver" && request.facts.some(({ type }) => type === "step_completed");
            if (isFirst && (await harness.log(runId)).length === 3) {
              await report(harness, runId, completed("by the executor"));
            }
            return await world.log.append(runId, request);
          },
        },
      }),
    });
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(twice, { work: async (name: string) => name }));
    expect(await harness.result(runId)).toEqual([["by the executor"], "second"]);
    expect(harness.errors).toEqual([]);
  });

  it("that fails the attempt which runs here has the next one started, and the body before is not waited for", async () => {
    const harness = new Harness();
    const { calls, work } = heldWork();
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(twice, { work }));
    await harness.env.advance(10);
    const retryAt = harness.env.elapsed() + 100;
    await report(harness, runId, { type: "step_retrying", data: { attempt: 2, retryAt }, payload: null });
    await harness.env.until(() => calls.length === 2);
    expect(harness.env.elapsed()).toBeGreaterThanOrEqual(retryAt);
    calls[0]?.finish("of the first attempt");
    calls[1]?.finish("of the second attempt");
    await harness.env.until(() => calls.length === 3);
    calls[2]?.finish("second");
    expect(await harness.result(runId)).toEqual(["of the second attempt", "second"]);
    expect(harness.errors).toEqual([]);
  });

  it("wakes a run that was given back, and its step is not started again", async () => {
    const harness = new Harness();
    const { calls, work } = heldWork();
    const worker = await harness.worker();
    const runId = await harness.start(worker, program(twice, { work }));
    await harness.env.advance(10);
    worker.die();
    await report(harness, runId, completed("by the executor"));
    await harness.worker();
    await harness.env.until(() => calls.length === 2);
    calls[1]?.finish("second");
    expect(await harness.result(runId)).toEqual([["by the executor"], "second"]);
    expect(calls.map(({ name }) => name)).toEqual(["first", "second"]);
  });
});
