import type { CreateRequest, CreateResult } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { Harness, program } from "./harness.testing.ts";

const bundle = program("async (n) => n");

/** A store whose creations are answered when the test says so. */
function heldCreations() {
  const requests: CreateRequest[] = [];
  const open: (() => void)[] = [];
  const harness = new Harness({
    wrap: (world) => ({
      ...world,
      runs: {
        ...world.runs,
        create: async (request): Promise<CreateResult> => {
          requests.push(request);
          if (request.eager !== null) await new Promise<void>((resolve) => open.push(resolve));
          return await world.runs.create(request);
        },
      },
    }),
  });
  const answerAll = (): void => {
    for (const resolve of open.splice(0)) resolve();
  };
  return { harness, requests, answerAll };
}

describe("starts in a worker", () => {
  it("begin 128 at a time, in the order in which they were asked for", async () => {
    const { harness, requests, answerAll } = heldCreations();
    const worker = await harness.worker();
    const starts = Array.from({ length: 130 }, (_, n) => harness.start(worker, bundle, [n]));
    await harness.env.settle();
    expect(requests).toHaveLength(128);
    answerAll();
    await harness.env.settle();
    answerAll();
    const ids = await Promise.all(starts);
    expect(requests.map(({ runId }) => runId)).toEqual(ids);
    expect(await harness.result(ids[129] as string)).toBe(129);
  });

  it("are left to other workers when this one has stopped before their turn", async () => {
    const { harness, requests, answerAll } = heldCreations();
    const worker = await harness.worker();
    const starts = Array.from({ length: 129 }, (_, n) => harness.start(worker, bundle, [n]));
    await harness.env.settle();
    const stopped = worker.engine.stop(1_000);
    answerAll();
    const ids = await Promise.all(starts);
    await stopped;
    expect(requests.map(({ eager }) => eager === null)).toEqual([...Array(128).fill(false), true]);
    expect(await harness.record(ids[128] as string)).toMatchObject({ owner: null, status: "pending" });
    await harness.worker();
    expect(await harness.result(ids[128] as string)).toBe(128);
  });
});
