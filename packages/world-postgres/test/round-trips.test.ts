/** How many round trips to the server a call takes. */
import type { World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import type { PostgresWorldOptions } from "../src/options.ts";
import { creation, driverAppend, eagerCreation, hookCreated, id, payloadFor, worker } from "./request-values.ts";
import { countOf } from "./statement-counts.ts";
import { completed, openSteps, runId } from "./step-values.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();

const one = { reads: 0, writes: 1, transactions: 0 };

async function openStarted(options: Partial<PostgresWorldOptions> = {}) {
  const url = await worlds.databases.create();
  const opened = await worlds.open({ url, ...options });
  const { world } = opened;
  await world.claims.heartbeat(worker);
  const { storeNow: at } = await world.describe();
  return { ...opened, url, at };
}

const completion = (at: number, payload: Uint8Array) =>
  ({ type: "run_completed", correlationId: null, at, cause: 2, data: {}, payload }) as const;

const append = (world: World, n: number, at: number) =>
  world.log.append(id("wrun", 1), driverAppend(n, n, { decisions: [hookCreated(n, `token-${n}`, at)], ifTail: n }));

describe("round trips to the server", () => {
  it("are one for a creation, and one for each append of a driver that nobody disturbs", async () => {
    const { store, world, at } = await openStarted();
    expect(await countOf(store, () => world.runs.create(eagerCreation(1, null, at)))).toEqual(one);
    for (let n = 2; n < 12; n += 1) expect(await countOf(store, () => append(world, n, at))).toEqual(one);
  });

  it("are one for the first append of a worker that has claimed and read a run of another process", async () => {
    const { world: other, url, at } = await openStarted();
    const creation = eagerCreation(1, null, at);
    await other.runs.create({
      ...creation,
      eager: { ...creation.eager, worker: "lost", facts: [], decisions: [], release: null },
    });
    const { store, world } = await worlds.open({ url });
    const { runs } = await world.claims.claim({ worker, max: 1 });
    expect(runs).toHaveLength(1);
    const [created] = await world.log.read(id("wrun", 1), { after: 0, limit: 100 });
    const started = {
      type: "run_started",
      correlationId: null,
      at: created?.at ?? 0,
      data: {},
      payload: null,
    } as const;
    const request = driverAppend(1, 1, { epoch: 2, ifTail: 1, facts: [started] });
    expect(await countOf(store, () => world.log.append(id("wrun", 1), request))).toEqual(one);
  });

  it("are one for each thing that an idle worker asks", async () => {
    const { store, world } = await openStarted();
    const asks = [
      () => world.claims.claim({ worker, max: 256 }),
      () => world.claims.poll(worker.id),
      () => world.claims.poll(worker.id, "held"),
    ];
    for (const ask of asks) expect(await countOf(store, ask)).toEqual({ reads: 1, writes: 0, transactions: 0 });
    expect(await countOf(store, () => world.claims.heartbeat(worker))).toEqual(one);
  });

  it("are two for a claim of a run that somebody else has made due, and one where this process did", async () => {
    const { store, world, url, at } = await openStarted({ notifications: false });
    const { world: other } = await worlds.open({ url });
    const asleep = (n: number) => {
      const request = eagerCreation(n, `token-${n}`, at);
      if (request.eager === null) expect.fail("it is created by a worker");
      return { ...request, eager: { ...request.eager, release: { wakeAt: null } } };
    };
    const claim = async (n: number): Promise<void> => {
      const { runs, nextWakeAt, storeNow } = await world.claims.claim({ worker, max: 1, hinted: [id("wrun", n)] });
      expect(runs.map(({ run, epoch }) => [run.runId, run.owner, epoch])).toEqual([[id("wrun", n), worker.id, 2]]);
      expect(nextWakeAt).toBeLessThanOrEqual(storeNow);
    };
    for (const n of [1, 2]) await world.runs.create(asleep(n));
    await other.log.append(id("wrun", 1), payloadFor(1, "key"));
    await world.log.append(id("wrun", 2), payloadFor(2, "key"));
    expect(await countOf(store, () => claim(1))).toEqual({ reads: 1, writes: 1, transactions: 0 });
    expect(await countOf(store, () => claim(2))).toEqual(one);
    const read = await countOf(store, async () => {
      const [event] = await world.log.read(id("wrun", 2), { after: 3, limit: 10 });
      expect(event?.type).toBe("hook_received");
    });
    expect(read).toEqual({ reads: 0, writes: 0, transactions: 0 });
  });

  it("are two for a claim of the one or two runs that are due, and a transaction for more of a workflow", async () => {
    const { store, world } = await openStarted({ notifications: false });
    const claimOf = async (first: number, size: number) => {
      for (let n = first; n < first + size; n += 1) await world.runs.create(creation(n));
      return countOf(store, async () => {
        const { runs, nextWakeAt } = await world.claims.claim({ worker, max: 8 });
        expect([runs.length, nextWakeAt]).toEqual([size, null]);
      });
    };
    expect(await claimOf(1, 1)).toEqual({ reads: 1, writes: 1, transactions: 0 });
    expect(await claimOf(2, 2)).toEqual({ reads: 1, writes: 1, transactions: 0 });
    expect((await claimOf(4, 3)).transactions).toBe(1);
  });

  it("are two more when somebody else has written in between: the row, and what the fold has not seen", async () => {
    const { store, world, url, at } = await openStarted();
    const { world: other } = await worlds.open({ url });
    await world.runs.create(eagerCreation(1, "token", at));
    await other.log.append(id("wrun", 1), payloadFor(1, "key"));
    // It holds more than this process remembers, so nothing is tried by that.
    const request = driverAppend(2, 4, { decisions: [hookCreated(2, "another", at)] });
    expect(await countOf(store, () => world.log.append(id("wrun", 1), request))).toEqual({
      reads: 2,
      writes: 1,
      transactions: 0,
    });
  });

  it("are three for the results of one run that are there together, and two for whoever knows its log", async () => {
    const { world: other, url } = await openStarted();
    await openSteps(other, 120, "background");
    await other.steps.claim({ workerId: worker.id, steps: ["step"], max: 120 });
    const { store, world } = await worlds.open({ url, notifications: false });
    const report = (first: number, count: number) => () =>
      Promise.all(
        Array.from({ length: count }, (_, index) => first + index).map(async (n) => {
          expect(await world.log.append(runId, completed(1, `job/${n}`, n))).toMatchObject({ kind: "appended" });
        }),
      );
    expect(await countOf(store, report(0, 50))).toEqual({ reads: 2, writes: 1, transactions: 0 });
    expect(await countOf(store, report(50, 1))).toEqual({ reads: 2, writes: 1, transactions: 0 });
    await store.cache.viewOf(
      { run: (await store.row(runId)) ?? expect.fail("the run was created"), version: 0 },
      (after, last) => store.events.readHeads(store.database, runId, { after, last }),
    );
    expect(await countOf(store, report(51, 50))).toEqual({ reads: 1, writes: 1, transactions: 0 });
    expect(await countOf(store, report(101, 1))).toEqual({ reads: 1, writes: 1, transactions: 0 });
  });

  it("are none to learn of the end of a run that this process has ended, and of its result", async () => {
    const { store, world, at } = await openStarted({ notifications: false, pollMs: 600_000 });
    await world.runs.create(eagerCreation(1, null, at));
    const payload = new Uint8Array([4, 2]);
    const waiting = await countOf(store, async () => {
      const ended = world.runs.waitForEnd(id("wrun", 1), 60_000);
      const result = await world.log.append(
        id("wrun", 1),
        driverAppend(2, 2, { decisions: [completion(at, payload)] }),
      );
      expect(result.kind).toBe("appended");
      expect(await ended).toMatchObject({ status: "completed", tail: 3 });
      expect(await world.runs.waitForEnd(id("wrun", 1), 60_000)).toMatchObject({ status: "completed", tail: 3 });
      const [last] = await world.log.read(id("wrun", 1), { after: 2, limit: 1 });
      expect(last).toMatchObject({ type: "run_completed", payload });
      last?.payload?.fill(0);
      expect((await world.log.read(id("wrun", 1), { after: 2, limit: 1 }))[0]).toMatchObject({ payload });
    });
    expect(waiting).toEqual(one);
  });

  it("are few for reads that are asked for together, each of which has the answer that it had alone", async () => {
    const { world: other, url, at } = await openStarted();
    for (const n of [1, 2, 3]) await other.runs.create(eagerCreation(n, `token-${n}`, at));
    await other.log.append(id("wrun", 2), payloadFor(2, "key"));
    const { store, world } = await worlds.open({ url });
    const numbers = Array.from({ length: 200 }, (_, index) => index % 5);
    const rows = await countOf(store, async () => {
      const answers = await Promise.all(numbers.map((n) => world.runs.get(id("wrun", n))));
      const tails = [null, 3, 4, 3, null];
      expect(answers.map((run) => run?.tail ?? null)).toEqual(numbers.map((n) => tails[n]));
    });
    expect([rows["writes"], rows["transactions"]]).toEqual([0, 0]);
    expect(rows["reads"]).toBeLessThanOrEqual(2);
    const logs = await countOf(store, async () => {
      const answers = await Promise.all(
        numbers.map((n, index) => world.log.read(id("wrun", n), { after: index % 3, limit: 2 })),
      );
      for (const [index, events] of answers.entries()) {
        const n = numbers[index] ?? 0;
        const alone = await store.events.read(store.database, id("wrun", n), { after: index % 3, last: 100 }, 2);
        expect(events).toEqual(alone);
      }
    });
    expect(logs["reads"]).toBeLessThanOrEqual(numbers.length + 2);
  });
});
