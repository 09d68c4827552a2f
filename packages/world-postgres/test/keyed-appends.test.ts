/** What several who do not hold the claim report of one run at the same time. */
import type { AppendRequest, AppendResult, ExecutorAppend, World } from "@perdure/world";
import { describe, expect, it, vi } from "vitest";
import type { Store } from "../src/store.ts";
import { backUp, putBack } from "./backup.ts";
import { cancellation, driverAppend, hookCreated, id, payloadFor, worker } from "./request-values.ts";
import { withClient } from "./server.ts";
import { completed, openSteps, runId } from "./step-values.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

interface Opened {
  readonly url: string;
  readonly store: Store;
  readonly world: World;
}

/** A run with so many background steps, numbered from 0, all of which `worker` has taken. */
async function openTaken(count: number, url?: string): Promise<Opened> {
  const database = url ?? (await worlds.databases.create());
  const { store, world } = await worlds.open({ url: database, notifications: false });
  await openSteps(world, count, "background");
  await takeAll(world, count);
  return { url: database, store, world };
}

async function takeAll(world: World, count: number): Promise<void> {
  const { jobs } = await world.steps.claim({ workerId: worker.id, steps: ["step"], max: count });
  expect(jobs).toHaveLength(count);
}

const resultOf = (n: number, payload?: Uint8Array): ExecutorAppend => {
  const request = completed(1, `job/${n}`, n);
  return payload === undefined ? request : { ...request, fact: { ...request.fact, payload } };
};

const send = (world: World, requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> =>
  Promise.all(requests.map((request) => world.log.append(runId, request)));

const logOf = (world: World) => world.log.read(runId, { after: 0, limit: 10_000 });

/** The steps whose result is in the log, in its order. */
const reportedIn = async (world: World) =>
  (await logOf(world)).flatMap(({ type, correlationId }) => (type === "step_completed" ? (correlationId ?? []) : []));

const stepsOf = (numbers: readonly number[]) => numbers.map((n) => id("step", n));

const kindsOf = (answers: readonly AppendResult[]) => answers.map(({ kind }) => kind);

/** How many statements that change runs, and how many transactions, a call takes. */
async function roundTripsOf<T>({ database, runs }: Store, call: () => Promise<T>) {
  const writes = watchWrites(runs);
  const transactions = vi.spyOn(database, "transaction");
  const answer = await call();
  const counted = { answer, writes: writes(), transactions: transactions.mock.calls.length };
  transactions.mockRestore();
  return counted;
}

/** Counts the statements that change runs, until it is asked for their number. */
function watchWrites(runs: Store["runs"]): () => number {
  const spies = [vi.spyOn(runs, "write"), vi.spyOn(runs, "writeTogether")];
  return () => {
    const count = spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    for (const spy of spies) spy.mockRestore();
    return count;
  };
}

describe("results of one run that are there together", () => {
  it("K1 K2: are one change, after which each has its own event and its own answer", async () => {
    const { store, world } = await openTaken(100);
    const requests = upTo(100).map((n) => resultOf(n));
    const { answer, writes, transactions } = await roundTripsOf(store, () => send(world, requests));
    expect([writes, transactions]).toEqual([1, 0]);
    expect(answer).toMatchObject(
      upTo(100).map((n) => ({
        kind: "appended",
        tail: 103 + n,
        released: false,
        events: [{ position: 103 + n, type: "step_completed", correlationId: id("step", n), key: `job/${n}` }],
      })),
    );
    expect(await reportedIn(world)).toEqual(stepsOf(upTo(100)));
    expect(await world.steps.held(worker.id)).toEqual([]);
  });

  it("K2: are as few changes as the bounds on count and on bytes allow", async () => {
    const { store, world } = await openTaken(300);
    const small = await roundTripsOf(store, () =>
      send(
        world,
        upTo(290).map((n) => resultOf(n)),
      ),
    );
    expect([new Set(kindsOf(small.answer)), small.writes]).toEqual([new Set(["appended"]), 3]);
    const large = upTo(10).map((n) => resultOf(290 + n, new Uint8Array(100_000).fill(n)));
    const { answer, writes } = await roundTripsOf(store, () => send(world, large));
    expect([new Set(kindsOf(answer)), writes]).toEqual([new Set(["appended"]), 5]);
    expect((await logOf(world)).at(-1)?.payload).toEqual(new Uint8Array(100_000).fill(9));
  });

  it("K1: are refused for themselves: one that is of an earlier delivery keeps nothing from the others", async () => {
    const { url, store, world } = await openTaken(6);
    await withClient(url, (client) =>
      client.query("UPDATE perdure.step_jobs SET delivery = 2 WHERE correlation_id = $1", [id("step", 2)]),
    );
    const { answer, writes } = await roundTripsOf(store, () =>
      send(
        world,
        upTo(5).map((n) => resultOf(n)),
      ),
    );
    expect(kindsOf(answer)).toEqual(["appended", "appended", "refused", "appended", "appended"]);
    expect(writes).toBe(2);
    expect(await reportedIn(world)).toEqual(stepsOf([0, 1, 3, 4]));
    const held = await world.steps.held(worker.id);
    expect(held.map(({ correlationId }) => correlationId).toSorted()).toEqual(stepsOf([2, 5]));
  });

  it("K1: end where the run ends: what comes behind a cancellation is refused", async () => {
    const { store, world } = await openTaken(8);
    const requests = upTo(8).map((n): AppendRequest => (n === 4 ? cancellation() : resultOf(n)));
    const { answer, writes } = await roundTripsOf(store, () => send(world, requests));
    expect(writes).toBe(1);
    expect(kindsOf(answer)).toEqual([...upTo(5).map(() => "appended"), ...upTo(3).map(() => "refused")]);
    expect(answer.slice(5)).toEqual(upTo(3).map(() => ({ kind: "refused", reason: { kind: "terminal" } })));
    expect(answer.map((result) => result.kind === "appended" && result.released)).toEqual(upTo(8).map((n) => n === 4));
    expect(await world.runs.get(runId)).toMatchObject({ status: "cancelled", tail: 15, endedOwner: worker.id });
    expect(await world.steps.held(worker.id)).toEqual([]);
  });

  it("K3: with one key are one event, and of two reports on a step the first counts", async () => {
    const { store, world } = await openTaken(3);
    const another = { ...resultOf(1), key: "another" };
    const requests = [resultOf(0), resultOf(0), resultOf(1), another, resultOf(2)];
    const { answer, writes } = await roundTripsOf(store, () => send(world, requests));
    expect(kindsOf(answer)).toEqual(["appended", "appended", "appended", "refused", "appended"]);
    const [first, second] = answer;
    expect(first?.kind === "appended" && second?.kind === "appended" && first.events).toEqual(
      second?.kind === "appended" && second.events,
    );
    expect(await reportedIn(world)).toEqual(stepsOf([0, 1, 2]));
    expect(writes).toBe(3);
  });

  it("K4: do not fail with one of them whose step cannot be read", async () => {
    const { url } = await openTaken(5);
    const { world } = await worlds.open({ url });
    await withClient(url, (client) =>
      client.query("UPDATE perdure.events SET data = '{' WHERE correlation_id = $1", [id("step", 2)]),
    );
    const answers = await Promise.allSettled(upTo(5).map((n) => world.log.append(runId, resultOf(n))));
    expect(answers.map(({ status }) => status === "fulfilled")).toEqual([true, true, false, true, true]);
    expect(answers[2]).toMatchObject({ reason: { code: "UNDECODABLE" } });
    const { rows } = await withClient(url, (client) =>
      client.query("SELECT correlation_id AS step FROM perdure.events WHERE type = 'step_completed' ORDER BY position"),
    );
    expect(rows.map(({ step }: { step: string }) => step)).toEqual(stepsOf([0, 1, 3, 4]));
  });

  it("K4: of a run that there is not are all told so", async () => {
    const { world } = await openTaken(1);
    const answers = await Promise.allSettled([0, 1].map((n) => world.log.append(id("wrun", 77), resultOf(n))));
    expect(answers).toMatchObject([0, 1].map(() => ({ reason: { code: "RUN_NOT_FOUND" } })));
  });

  it("L5: have an unknown outcome when their connection is lost, and sent again each is there once", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await openTaken(20, proxy.url);
    const { world: other } = await worlds.open({ url: proxy.target });
    const requests = upTo(20).map((n) => resultOf(n, Buffer.from(`rare-${n}`)));
    proxy.cutAnswerTo("rare-7");
    const errors = await Promise.all(requests.map((request) => failure(world.log.append(runId, request))));
    expect(errors.map(({ outcome }) => outcome)).toEqual(errors.map(() => "unknown"));
    expect(proxy.cuts).toBe(1);
    const written = await logOf(other);
    // Those that were written before the connection was cut are answered with what they wrote.
    const answers = await send(world, requests);
    expect(kindsOf(answers)).toEqual(upTo(20).map(() => "appended"));
    expect(answers.flatMap((answer) => (answer.kind === "appended" ? answer.events : []))).toEqual(
      (await logOf(other)).slice(-20),
    );
    expect((await logOf(other)).slice(0, written.length)).toEqual(written);
    expect(await reportedIn(other)).toEqual(stepsOf(upTo(20)));
  });
});

describe("a store that was put back to an earlier state", () => {
  it("K4: refuses the results of before, and not the payload that comes with them", async () => {
    const { url, world } = await openTaken(3);
    const at = (await world.runs.get(runId))?.lastAt ?? 0;
    await world.log.append(runId, driverAppend(2, 5, { decisions: [hookCreated(1, "one", at)] }));
    await backUp(url);
    expect(await world.log.append(runId, payloadFor(1, "first"))).toMatchObject({ kind: "appended" });
    await putBack(url);
    const requests = [resultOf(0), payloadFor(1, "second"), resultOf(1)];
    const answers = await Promise.allSettled(requests.map((request) => world.log.append(runId, request)));
    expect(answers).toMatchObject([
      { reason: { code: "STORE_RESTORED" } },
      { value: { kind: "appended" } },
      { reason: { code: "STORE_RESTORED" } },
    ]);
    expect((await logOf(world)).map(({ key }) => key).filter((key) => key !== null)).toEqual(["second"]);
  });
});

describe("the driver of a run on which very much is reported", () => {
  it("Q5: waits for one change, and not for all that waits", async () => {
    const { world } = await openTaken(400);
    const results = send(
      world,
      upTo(400).map((n) => resultOf(n)),
    );
    const release = { wakeAt: null };
    const append = world.log.append(runId, driverAppend(2, 402, { decisions: [], release }));
    const first = await Promise.race([results, append]);
    expect(first).toMatchObject({ kind: "appended", tail: 402 + 128, released: false });
    expect(kindsOf(await results)).toEqual(upTo(400).map(() => "appended"));
  });
});

describe("two processes that report on one run", () => {
  it("L1 S2: leave each result once, in a log without a gap", async () => {
    const { url, store, world } = await openTaken(200);
    const { store: otherStore, world: other } = await worlds.open({ url });
    const writes = [store, otherStore].map(({ runs }) => watchWrites(runs));
    const parts = [world, other].map(async (from, index) => {
      for (const part of upTo(4)) {
        const numbers = upTo(25).map((n) => 100 * index + 25 * part + n);
        expect(
          new Set(
            kindsOf(
              await send(
                from,
                numbers.map((n) => resultOf(n)),
              ),
            ),
          ),
        ).toEqual(new Set(["appended"]));
      }
    });
    await Promise.all(parts);
    const log = await logOf(other);
    expect(log.map(({ position }) => position)).toEqual(upTo(402).map((index) => index + 1));
    expect((await reportedIn(world)).toSorted()).toEqual(stepsOf(upTo(200)));
    expect(await world.steps.held(worker.id)).toEqual([]);
    const count = writes.reduce((sum, counted) => sum + counted(), 0);
    expect(count).toBeGreaterThanOrEqual(8);
    expect(count).toBeLessThan(60);
  });
});

describe("payloads of hooks that are there together", () => {
  it("K1: are numbered in the order in which they came, in one change", async () => {
    const { store, world } = await openTaken(1);
    const at = (await world.runs.get(runId))?.lastAt ?? 0;
    const hooks = [hookCreated(1, "one", at), hookCreated(2, "two", at)];
    const request = driverAppend(2, 3, { decisions: hooks, ifTail: 3 });
    expect(await world.log.append(runId, request)).toMatchObject({ kind: "appended" });
    const payloads = upTo(30).map((n) => payloadFor(1 + (n % 2), `key-${n}`, new Uint8Array([n])));
    const again = payloads.slice(0, 1);
    const { answer, writes } = await roundTripsOf(store, () => send(world, [...payloads, ...again]));
    expect([new Set(kindsOf(answer)), writes]).toEqual([new Set(["appended"]), 1]);
    const received = (await logOf(world)).filter(({ type }) => type === "hook_received");
    expect(received.map(({ data, payload }) => [data, payload?.[0]])).toEqual(
      upTo(30).map((n) => [{ ordinal: 1 + Math.floor(n / 2) }, n]),
    );
  });
});

describe("a process that reports on a run again and again", () => {
  it("comes to know its log, and reads no more than what is new of it", async () => {
    const { url } = await openTaken(40);
    const { store, world } = await worlds.open({ url });
    const heads = vi.spyOn(store.events, "readHeads");
    const entities = vi.spyOn(store.events, "readEntities");
    for (const n of upTo(40)) {
      expect(await world.log.append(runId, resultOf(n))).toMatchObject({ kind: "appended" });
    }
    expect([entities.mock.calls.length, heads.mock.calls.length]).toEqual([8, 1]);
    expect(await reportedIn(world)).toEqual(stepsOf(upTo(40)));
  });
});
