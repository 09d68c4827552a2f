import { expect, it } from "vitest";
import { Harness, program } from "./harness.testing.ts";

const sleeper = `async () => { const before = Math.random(); await sleep("1d"); return [before, Math.random()]; }`;

it("keeps released executions and feeds them new events only", async () => {
  const harness = new Harness();
  const worker = await harness.worker();
  const runId = await harness.start(worker, program(sleeper));
  await harness.env.settle();
  expect(worker.engine.residentCount).toBe(1);
  expect(await harness.result(runId, 90_000_000)).toHaveLength(2);
  expect(worker.engine.residentCount).toBe(0);
});

it("keeps no more than it may, and lets half go when memory is short", async () => {
  const harness = new Harness({ residentRunsMax: 4 });
  const worker = await harness.worker();
  const bundle = program(sleeper);
  const runIds = await Promise.all(Array.from({ length: 6 }, () => harness.start(worker, bundle)));
  await harness.env.settle();
  expect(worker.engine.residentCount).toBe(4);
  harness.env.heap = 0.9;
  await harness.env.advance(1_000);
  harness.env.heap = 0;
  expect(worker.engine.residentCount).toBe(2);
  for (const runId of runIds) expect(await harness.result(runId, 90_000_000)).toHaveLength(2);
});
