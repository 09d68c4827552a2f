import type { NewDecision, NewFact, World } from "@perdure/world";
import { createLocalWorld } from "@perdure/world-local";
import { describe, expect, it } from "vitest";
import { Bench } from "./bench.ts";
import { creation, id, worker } from "./request-values.ts";

const bench = new Bench();

const stepCreated = (n: number, at: number): NewDecision => ({
  type: "step_created",
  correlationId: id("step", n),
  at,
  cause: 2,
  data: {
    stepId: "step",
    name: "charge",
    ordinal: n,
    inputDigest: "",
    shape: null,
    dispatch: "background",
    attempt: 1,
  },
  payload: null,
});

/** A run with so many background steps. */
async function openRun(world: World, run: number, count: number): Promise<void> {
  await world.claims.heartbeat(worker);
  const { storeNow: at } = await world.describe();
  const started: NewFact = { type: "run_started", correlationId: null, at, data: {}, payload: null };
  const decisions = Array.from({ length: count }, (_, n) => stepCreated(n, at));
  await world.runs.create(creation(run, { eager: { worker: worker.id, facts: [started], decisions, release: null } }));
}

describe("a run with very many jobs that are ready", () => {
  it.each([
    { max: 10, most: 1 },
    { max: 1, most: 12 },
  ])("keeps those of other runs not waiting, $max at a time", async ({ max, most }) => {
    const world = await bench.closing(createLocalWorld({ path: bench.file() }));
    const others = [1, 4, 8, 9];
    for (const n of [1, 4]) await openRun(world, n, 1);
    await openRun(world, 5, 200);
    for (const n of [8, 9]) await openRun(world, n, 1);
    const parts: string[][] = [];
    do {
      const { jobs } = await world.steps.claim({ workerId: worker.id, steps: ["step", "another"], max });
      parts.push(jobs.map(({ job }) => job.runId));
    } while (parts.at(-1)?.length !== 0);
    for (const n of others) {
      expect(parts.findIndex((part) => part.includes(id("wrun", n)))).toBeLessThan(most);
    }
    const taken = parts.flat();
    expect([taken.length, taken.filter((run) => run === id("wrun", 5)).length]).toEqual([204, 200]);
    expect(parts.slice(0, 200 / max).every((part) => part.length === max)).toBe(true);
  });

  it("shares with another one that came later", async () => {
    const world = await bench.closing(createLocalWorld({ path: bench.file() }));
    await openRun(world, 1, 100);
    await openRun(world, 2, 100);
    const { jobs } = await world.steps.claim({ workerId: worker.id, steps: ["step"], max: 20 });
    expect(jobs.filter(({ job }) => job.runId === id("wrun", 2)).length).toBeGreaterThanOrEqual(4);
  });
});
