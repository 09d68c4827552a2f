/** Lists of runs, and waiting for one to end. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { InvalidCursorError } from "@perdure/errors";
import type { RunRecord } from "../run-record.ts";
import type { World } from "../world.ts";
import type { Bench } from "./bench.ts";
import { type ConformanceGroup, scenario } from "./fixture.ts";
import { cancelled, runCompleted, stepCreated } from "./requests.ts";
import { written } from "./test-driver.ts";

const parking = { reason: "diverged", detail: "The code asked for another step.", position: 2 } as const;

async function listAll(world: World, limit: number, filter: object = {}, between?: () => Promise<unknown>) {
  const items: RunRecord[] = [];
  let cursor: string | null = null;
  do {
    const page = await world.runs.list({ ...filter, limit, ...(cursor === null ? {} : { cursor }) });
    ok(page.items.length <= limit);
    items.push(...page.items);
    cursor = page.cursor;
    await between?.();
  } while (cursor !== null);
  return items.map((run) => run.runId);
}

async function severalRuns(bench: Bench): Promise<string[]> {
  const runIds: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    runIds.unshift((await bench.create()).runId);
    // Some runs share a moment of creation.
    if (index % 3 === 0) bench.advance(1);
  }
  return runIds;
}

const lists = [
  scenario("a list is newest first, in pages of any size", async (bench) => {
    deepEqual(await bench.world.runs.list({ limit: 10 }), { items: [], cursor: null });
    const newestFirst = await severalRuns(bench);
    for (const limit of [1, 2, 3, 7, 100]) deepEqual(await listAll(bench.world, limit), newestFirst);
  }),
  scenario("a list shows each run once, while others are created", async (bench) => {
    const newestFirst = await severalRuns(bench);
    const seen = await listAll(bench.world, 2, {}, () => bench.create());
    deepEqual(seen.slice(0, 7), newestFirst);
    equal(new Set(seen).size, seen.length);
  }),
  scenario("a list can be continued by another process, and after runs have changed", async (bench) => {
    const newestFirst = await severalRuns(bench);
    const first = await bench.world.runs.list({ limit: 3 });
    for (const runId of newestFirst) written(await bench.world.log.append(runId, cancelled()));
    ok(first.cursor !== null);
    const second = await bench.fixture.second();
    const rest = await second.runs.list({ limit: 10, cursor: first.cursor });
    deepEqual(
      rest.items.map((run) => run.runId),
      newestFirst.slice(3),
    );
    equal(rest.cursor, null);
  }),
  scenario("a list can be filtered by status, workflow and parking", async (bench) => {
    const pending = await bench.create({ workflowId: "workflow//b.ts//b" });
    const parked = await bench.drive();
    const running = await bench.drive();
    const done = await bench.drive();
    await done.decide(runCompleted());
    equal(await bench.world.park(parked.runId, parked.epoch, parking), true);
    const list = (filter: object) => listAll(bench.world, 1, filter);
    deepEqual(await list({ status: "pending" }), [pending.runId]);
    deepEqual(await list({ status: "running" }), [running.runId, parked.runId]);
    deepEqual(await list({ status: "completed" }), [done.runId]);
    deepEqual(await list({ status: "failed" }), []);
    deepEqual(await list({ parked: true }), [parked.runId]);
    deepEqual(await list({ parked: false }), [done.runId, running.runId, pending.runId]);
    deepEqual(await list({ workflowId: "workflow//b.ts//b" }), [pending.runId]);
    deepEqual(await list({ status: "running", parked: false }), [running.runId]);
  }),
  scenario("a cursor that no page gave is a typed error", async (bench) => {
    await bench.create();
    for (const cursor of ["", "nonsense", "1", "\u0000"]) {
      await rejects(bench.world.runs.list({ limit: 1, cursor }), (error) => InvalidCursorError.is(error));
    }
  }),
  scenario("an unknown run has no row", async (bench) => {
    equal(await bench.world.runs.get("wrun_unknown"), null);
  }),
];

/** More than any case takes; no case waits for it. */
const longMs = 20_000;

const waiting = [
  scenario("waiting for an ended or parked run is over at once", async (bench) => {
    const done = await bench.drive();
    await done.decide(runCompleted());
    const parked = await bench.drive();
    await bench.world.park(parked.runId, parked.epoch, parking);
    deepEqual(await bench.world.runs.waitForEnd(done.runId, longMs), await bench.row(done.runId));
    deepEqual(await bench.world.runs.waitForEnd(parked.runId, longMs), await bench.row(parked.runId));
  }),
  scenario("X2: waiters in every process hear of the end of a run", async (bench) => {
    const driver = await bench.drive();
    const second = await bench.fixture.second();
    const waits = [bench.world, second, second].map((world) => world.runs.waitForEnd(driver.runId, longMs));
    await driver.decide(stepCreated("step_a"));
    await driver.decide(runCompleted());
    for (const run of await Promise.all(waits)) equal(run?.status, "completed");
  }),
  scenario("waiters hear of a cancellation by another process", async (bench) => {
    const run = await bench.create();
    const wait = bench.world.runs.waitForEnd(run.runId, longMs);
    written(await (await bench.fixture.second()).log.append(run.runId, cancelled()));
    equal((await wait)?.status, "cancelled");
  }),
  scenario("waiters hear that a run is parked", async (bench) => {
    const driver = await bench.drive();
    const wait = (await bench.fixture.second()).runs.waitForEnd(driver.runId, longMs);
    equal(await bench.world.park(driver.runId, driver.epoch, parking), true);
    equal((await wait)?.parked?.reason, "diverged");
  }),
  scenario("waiting goes on while the run does", async (bench) => {
    const driver = await bench.drive();
    let isOver = false;
    const wait = bench.world.runs.waitForEnd(driver.runId, longMs).then((run) => {
      isOver = true;
      return run;
    });
    for (let index = 0; index < 5; index += 1) {
      await driver.decide(stepCreated(`step_${index}`));
      await new Promise(setImmediate);
      equal(isOver, false);
    }
    await driver.decide(runCompleted());
    equal((await wait)?.status, "completed");
  }),
  scenario("waiting ends with the run as it is when the time is over", async (bench) => {
    const driver = await bench.drive();
    const run = await bench.world.runs.waitForEnd(driver.runId, 20);
    deepEqual(run, await bench.row(driver.runId));
    equal(run?.status, "running");
  }),
  scenario("waiting for an unknown run is null at once", async (bench) => {
    equal(await bench.world.runs.waitForEnd("wrun_unknown", longMs), null);
  }),
];

export const listGroup: ConformanceGroup = { subject: "lists", cases: lists };
export const waitGroup: ConformanceGroup = { subject: "waiting", cases: waiting };
