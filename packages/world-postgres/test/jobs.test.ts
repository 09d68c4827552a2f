/** Jobs of background steps in the statements and transactions that other things go in too. */
import type { World } from "@perdure/world";
import { describe, expect, it, vi } from "vitest";
import type { Store } from "../src/store.ts";
import { cancellation, id, worker } from "./request-values.ts";
import { withClient } from "./server.ts";
import { completed, openStep, openSteps, runId, stepId } from "./step-values.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();

interface Opened {
  readonly url: string;
  readonly store: Store;
  readonly world: World;
}

/** A world with so many runs, numbered from 1, each of them with one background step that `worker` has taken. */
async function openWithJobs(count: number): Promise<Opened> {
  const url = await worlds.databases.create();
  const { store, world } = await worlds.open({ url });
  for (let n = 1; n <= count; n += 1) await openStep(world, "background", n);
  expect(await claim(world)).toHaveLength(count);
  return { url, store, world };
}

const claim = async (world: World) =>
  (await world.steps.claim({ workerId: worker.id, steps: ["step"], max: 100 })).jobs;

/** Somebody else takes the job of a run: its worker has been lost, and is there again. */
const takeAgain = (url: string, n: number) =>
  withClient(url, (client) =>
    client.query("UPDATE perdure.step_jobs SET delivery = 2, owner = 'another' WHERE run_id = $1", [id("wrun", n)]),
  );

const jobsOf = (url: string) =>
  withClient(url, async (client) => {
    const sql = "SELECT run_id, attempt, delivery, owner FROM perdure.step_jobs ORDER BY run_id";
    return (await client.query(sql)).rows as unknown[];
  });

const typesOf = async (world: World, n: number) =>
  (await world.log.read(id("wrun", n), { after: 3, limit: 10 })).map(({ type }) => type);

const report = (world: World, n: number) =>
  world.log.append(id("wrun", n), completed(1, `job/${id("step", n)}/1/1`, n));

describe("results of jobs that are ready together", () => {
  it("share a statement, and one that is of an earlier delivery keeps nothing from the others", async () => {
    const { url, store, world } = await openWithJobs(6);
    await takeAgain(url, 3);
    const spy = vi.spyOn(store.runs, "writeTogether");
    const retrying = {
      type: "step_retrying",
      correlationId: id("step", 5),
      at: null,
      data: { attempt: 2, retryAt: 1_000 },
      payload: null,
    } as const;
    const answers = await Promise.all([
      ...[1, 2, 3, 4].map((n) => report(world, n)),
      world.log.append(id("wrun", 5), { by: "executor", key: "retry", attempt: 1, delivery: 1, fact: retrying }),
      world.log.append(id("wrun", 6), cancellation()),
    ]);
    expect(answers.flatMap(({ kind }, index) => (kind === "appended" ? [] : [[index, kind]]))).toEqual([
      [2, "refused"],
    ]);
    expect(spy.mock.calls.map(([, changes]) => changes.length)).toEqual([6]);
    expect(await jobsOf(url)).toEqual([
      { run_id: id("wrun", 3), attempt: 1, delivery: 2, owner: "another" },
      { run_id: id("wrun", 5), attempt: 2, delivery: 0, owner: null },
    ]);
    expect([await typesOf(world, 3), await typesOf(world, 4)]).toEqual([[], ["step_completed"]]);
  });
});

describe("a run with very many jobs that are ready", () => {
  /** The runs whose jobs were taken, claim by claim, until there is none. */
  async function takeInParts(world: World, max: number): Promise<readonly (readonly string[])[]> {
    const parts: string[][] = [];
    for (;;) {
      const { jobs } = await world.steps.claim({ workerId: worker.id, steps: ["step", "another"], max });
      if (jobs.length === 0) return parts;
      parts.push(jobs.map(({ job }) => job.runId));
    }
  }

  const partOf = (parts: readonly (readonly string[])[], run: number) =>
    parts.findIndex((part) => part.includes(id("wrun", run)));

  it.each([
    { max: 10, most: 1, count: 200 },
    { max: 1, most: 12, count: 40 },
  ])("keeps those of other runs not waiting, $max at a time", async ({ max, most, count }) => {
    const { world } = await worlds.open({ url: await worlds.databases.create() });
    await openSteps(world, count, "background", 5);
    // Runs whose ids are before and behind it.
    for (const n of [1, 4, 8, 9]) await openStep(world, "background", n);
    const parts = await takeInParts(world, max);
    for (const n of [1, 4, 8, 9]) expect(partOf(parts, n)).toBeLessThan(most);
    const taken = parts.flat();
    expect([taken.length, taken.filter((run) => run === id("wrun", 5)).length]).toEqual([count + 4, count]);
    expect(parts.slice(0, -1).every((part) => part.length === max)).toBe(true);
  });

  it("shares with another one, and with those whose jobs are ready later", async () => {
    const { world } = await worlds.open({ url: await worlds.databases.create() });
    await openSteps(world, 100, "background", 1);
    await openSteps(world, 100, "background", 2);
    const claim = async () =>
      (await world.steps.claim({ workerId: worker.id, steps: ["step"], max: 10 })).jobs.map(({ job }) => job.runId);
    const first = [...(await claim()), ...(await claim()), ...(await claim())];
    expect(first.filter((run) => run === id("wrun", 2)).length).toBeGreaterThanOrEqual(6);
    await openStep(world, "background", 3);
    expect(await claim()).toContain(id("wrun", 3));
  });
});

describe("a background step that is transactional", () => {
  const inTransaction = (world: World, during: () => Promise<unknown> = async () => undefined) =>
    world.transactions?.append(runId, async (tx) => {
      await tx.query("INSERT INTO ledger (note) VALUES ('written')");
      await during();
      return completed();
    });

  const ledger = (url: string) =>
    withClient(url, async (client) => (await client.query("SELECT note FROM ledger")).rows as unknown[]);

  async function openWithLedger(): Promise<Opened> {
    const opened = await openWithJobs(1);
    await withClient(opened.url, (client) => client.query("CREATE TABLE ledger (note text)"));
    return opened;
  }

  it("commits what it writes with its result and with its job", async () => {
    const { url, world } = await openWithLedger();
    expect(await inTransaction(world)).toMatchObject({ kind: "appended", tail: 4 });
    expect([await ledger(url), await jobsOf(url)]).toEqual([[{ note: "written" }], []]);
  });

  it("is undone when its job has been taken again meanwhile", async () => {
    const { url, world } = await openWithLedger();
    expect(await inTransaction(world, () => takeAgain(url, 1))).toMatchObject({
      kind: "refused",
      reason: { kind: "entity" },
    });
    expect([await ledger(url), await typesOf(world, 1)]).toEqual([[], []]);
    expect(await jobsOf(url)).toMatchObject([{ run_id: runId, delivery: 2 }]);
    const held = (await world.steps.held("another")).map(({ correlationId }) => correlationId);
    expect(held).toEqual([stepId]);
  });
});
