/** Changes of many runs in one statement: what travels together, and what keeps nothing from the others. */
import { admitCreate, type DriverAppend, RunView, type World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import type { RunChange } from "../src/run-writes.ts";
import type { Store } from "../src/store.ts";
import { TokenOwners } from "../src/token-changes.ts";
import {
  cancellation,
  creation,
  driverAppend,
  eagerCreation,
  hookCreated,
  id,
  payloadFor,
  worker,
} from "./request-values.ts";
import { withClient } from "./server.ts";
import { countOf } from "./statement-counts.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

const logOf = (world: World, n: number) => world.log.read(id("wrun", n), { after: 0, limit: 1_000 });

/** How many statements that change something a call takes. */
async function writesOf<T>(store: Store, call: () => Promise<T>): Promise<readonly [T, number]> {
  const answers: T[] = [];
  const { writes } = await countOf(store, async () => answers.push(await call()));
  return [answers[0] as T, writes];
}

/** A world with so many runs that a worker drives, each at position 2. */
async function openWithRuns(count: number) {
  const url = await worlds.databases.create();
  const { store, world } = await worlds.open({ url });
  await world.claims.heartbeat(worker);
  const { storeNow: at } = await world.describe();
  await Promise.all(upTo(count).map((n) => world.runs.create(eagerCreation(n, null, at))));
  return { url, store, world, at };
}

/** A driver's second append under its first claim, to a run at position 2. */
const hookAppend = (n: number, at: number, token = `token-${n}`): DriverAppend =>
  driverAppend(2, 2, { decisions: [hookCreated(n, token, at)], ifTail: 2 });

/** What the store would send for a creation, whatever the judgement rests on. */
function creationChange(store: Store, n: number, parts: { key?: string; token?: string; storeNow?: number } = {}) {
  const storeNow = parts.storeNow ?? store.clock.estimate() ?? 0;
  const tokens = new TokenOwners();
  const { created, ...rest } = eagerCreation(n, parts.token ?? null, storeNow);
  const request = { ...rest, created: { ...created, key: parts.key ?? null } };
  const verdict = admitCreate(request, "default", { storeNow, tokenOwner: tokens.ask() }, RunView.empty());
  if (verdict.kind === "refused") expect.fail("the creation is one that the rules admit");
  return { run: verdict.run, version: null, storeNow, append: verdict, tokens, jobs: null } satisfies RunChange;
}

describe("changes of different runs that are ready together", () => {
  it("G1: share a statement, as many as its bounds allow, and one that is ready alone goes alone", async () => {
    const { store, world, at } = await openWithRuns(0);
    const create = (first: number, count: number) => () =>
      Promise.all(upTo(count).map((n) => world.runs.create(eagerCreation(first + n, null, at))));
    expect((await writesOf(store, create(0, 1)))[1]).toBe(1);
    expect((await writesOf(store, create(1, 100)))[1]).toBe(1);
    expect((await writesOf(store, create(101, 300)))[1]).toBe(3);
    const [results, writes] = await writesOf(store, () =>
      Promise.all(upTo(100).map((n) => world.log.append(id("wrun", n), hookAppend(n, at)))),
    );
    expect([results.map(({ kind }) => kind), writes]).toEqual([results.map(() => "appended"), 1]);
    for (const n of [0, 50, 99]) {
      expect((await logOf(world, n)).map(({ type }) => type)).toEqual(["run_created", "run_started", "hook_created"]);
      expect(await world.hooks.find(`token-${n}`)).toMatchObject({ runId: id("wrun", n), position: 3 });
    }
  });

  it("G1: are of every kind: creations, appends, releases and parkings", async () => {
    const { store, world, at } = await openWithRuns(4);
    const [answers, writes] = await writesOf(store, () =>
      Promise.all([
        world.runs.create(creation(10)),
        world.log.append(id("wrun", 0), hookAppend(0, at)),
        world.claims.release(id("wrun", 1), { epoch: 1, ifTail: 2, wakeAt: null }),
        world.park(id("wrun", 2), 1, { reason: "limit", detail: "a test", position: null }),
      ]),
    );
    expect(answers).toMatchObject([{ kind: "created" }, { kind: "appended" }, "released", true]);
    expect(writes).toBe(1);
    expect(await world.runs.get(id("wrun", 1))).toMatchObject({ owner: null });
    expect(await world.runs.get(id("wrun", 2))).toMatchObject({ parked: { reason: "limit" } });
  });

  it("G4: are not delayed by a large one, which goes by itself", async () => {
    const { store, world } = await openWithRuns(0);
    const large = { ...creation(0), input: new Uint8Array(1_000_000).fill(7) };
    const [, writes] = await writesOf(store, () =>
      Promise.all([world.runs.create(large), ...[1, 2, 3].map((n) => world.runs.create(creation(n)))]),
    );
    expect(writes).toBe(2);
    expect((await logOf(world, 0))[0]?.payload).toEqual(large.input);
  });

  it("L1: leave the appends of one run in the order in which they were asked for", async () => {
    const { world, at } = await openWithRuns(3);
    for (const n of upTo(3)) await world.log.append(id("wrun", n), hookAppend(n, at));
    await Promise.all(upTo(60).map((k) => world.log.append(id("wrun", k % 3), payloadFor(k % 3, `key-${k}`))));
    for (const n of upTo(3)) {
      const keys = (await logOf(world, n)).flatMap(({ key }) => key ?? []);
      expect(keys).toEqual(upTo(20).map((round) => `key-${3 * round + n}`));
    }
  });
});

describe("a change that cannot be written", () => {
  it("G2: keeps nothing from those that travel with it, whatever is wrong with it", async () => {
    const { url, store } = await openWithRuns(3);
    const { world: other } = await worlds.open({ url });
    await other.runs.create({ ...creation(20), created: creation(20, { key: "taken key" }).created });
    await other.runs.create(eagerCreation(21, "taken token"));
    const runs = await Promise.all(upTo(3).map((n) => store.load(id("wrun", n))));
    const [first, second, third] = runs.map((loaded) => loaded?.stored);
    if (first === undefined || second === undefined || third === undefined) expect.fail("the runs were created");
    await other.log.append(id("wrun", 1), cancellation());
    const releaseOf = ({ run, version }: typeof first): RunChange => {
      return {
        run: { ...run, owner: null, wakeAt: 5 },
        version,
        storeNow: null,
        append: null,
        tokens: null,
        jobs: null,
      };
    };
    const changes: RunChange[] = [
      creationChange(store, 30),
      creationChange(store, 31, { key: "taken key" }),
      creationChange(store, 32, { token: "taken token" }),
      creationChange(store, 33, { storeNow: (store.clock.estimate() ?? 0) + 60_000 }),
      releaseOf(first),
      releaseOf(second),
      creationChange(store, 34, { token: "free token" }),
      releaseOf(third),
    ];
    const [results, writes] = await writesOf(store, () =>
      Promise.all(changes.map((change) => store.lane.seat().then((seat) => store.lane.write(change, seat)))),
    );
    expect([results.map(({ outcome }) => outcome), writes]).toEqual([
      ["written", "exists", "tokens", "clock", "written", "stale", "written", "written"],
      1,
    ]);
    for (const [n, length] of [30, 31, 32, 33, 34].map((each) => [each, each === 30 ? 2 : each === 34 ? 3 : 0])) {
      expect(await logOf(other, n ?? 0)).toHaveLength(length ?? -1);
    }
    const wakes = await Promise.all(upTo(3).map(async (n) => (await other.runs.get(id("wrun", n)))?.wakeAt));
    expect(wakes).toEqual([5, null, 5]);
    expect(await other.hooks.find("free token")).toMatchObject({ runId: id("wrun", 34) });
    expect(await other.hooks.find("taken token")).toMatchObject({ runId: id("wrun", 21) });
  });

  it("G2: fails by itself when the server undoes the statement because of it", async () => {
    const { store, world } = await openWithRuns(0);
    const noise = upTo(3_000)
      .map((index) => (index * 7_919).toString(36))
      .join("");
    const tooWide = creation(0, { workflowId: noise });
    const [results, writes] = await writesOf(store, () =>
      Promise.allSettled([world.runs.create(tooWide), ...[1, 2, 3].map((n) => world.runs.create(creation(n)))]),
    );
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled"]);
    expect(results[0]).toMatchObject({ reason: { code: "STORE_UNSUPPORTED", outcome: "none" } });
    expect(writes).toBe(5);
    expect((await world.runs.list({ limit: 10 })).items).toHaveLength(3);
  });

  it("H3: gives one token to one of the runs that ask for it in one statement", async () => {
    const { world, at } = await openWithRuns(5);
    const results = await Promise.all(upTo(5).map((n) => world.log.append(id("wrun", n), hookAppend(n, at, "token"))));
    const types = results.map((result) => (result.kind === "appended" ? result.events[0]?.type : result.kind));
    expect(types.toSorted()).toEqual([...upTo(4).map(() => "hook_conflict"), "hook_created"]);
    const holder = await world.hooks.find("token");
    expect(types[upTo(5).findIndex((n) => id("wrun", n) === holder?.runId)]).toBe("hook_created");
  });

  it("G4: waits by itself for a row that somebody else keeps locked", async () => {
    const { url, world, at } = await openWithRuns(4);
    await withClient(url, async (client) => {
      await client.query("BEGIN");
      await client.query("SELECT 1 FROM perdure.runs WHERE run_id = $1 FOR UPDATE", [id("wrun", 2)]);
      const appends = upTo(4).map((n) => world.log.append(id("wrun", n), hookAppend(n, at)));
      const [late, ...others] = [2, 0, 1, 3].map((n) => appends[n]);
      for (const each of others) expect(await each).toMatchObject({ kind: "appended", tail: 3 });
      await client.query("ROLLBACK");
      expect(await late).toMatchObject({ kind: "appended", tail: 3 });
    });
  });
});

describe("a connection that is lost after a statement of several", () => {
  it("L5: leaves the outcome of each unknown, and each that is sent again is written once", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    const { world: other } = await worlds.open({ url: proxy.target });
    await world.claims.heartbeat(worker);
    const { storeNow: at } = await world.describe();
    for (const n of upTo(5)) await world.runs.create(eagerCreation(n, null, at));
    const sendAll = () => [
      ...upTo(5).map((n) => world.log.append(id("wrun", n), hookAppend(n, at, `rare-${n}`))),
      world.runs.create(creation(7)),
    ];
    proxy.cutAnswerTo("rare-3");
    const errors = await Promise.all(sendAll().map((call) => failure(call)));
    expect(errors.map(({ outcome }) => outcome)).toEqual(errors.map(() => "unknown"));
    expect(proxy.cuts).toBe(1);
    const again = await Promise.all(sendAll());
    expect(again.map(({ kind }) => kind)).toEqual([...upTo(5).map(() => "appended"), "created"]);
    for (const n of upTo(5)) {
      expect((await logOf(other, n)).map(({ type }) => type)).toEqual(["run_created", "run_started", "hook_created"]);
    }
    expect(await logOf(other, 7)).toHaveLength(1);
  });
});

describe("two processes", () => {
  it("L1 Q5: write to the same runs in statements of several without keeping each other away", async () => {
    const { url, world, at } = await openWithRuns(40);
    const { world: other } = await worlds.open({ url });
    await Promise.all(upTo(40).map((n) => world.log.append(id("wrun", n), hookAppend(n, at))));
    const send = (from: World, name: string) =>
      Promise.all(
        upTo(40).map(async (n) => {
          // One of them from the last to the first.
          const run = from === world ? n : 39 - n;
          for (const k of upTo(4)) {
            const result = await from.log.append(id("wrun", run), payloadFor(run, `${name}-${k}`));
            expect(result.kind).toBe("appended");
          }
        }),
      );
    await Promise.all([send(world, "one"), send(other, "two")]);
    for (const n of upTo(40)) {
      const log = await logOf(other, n);
      expect(log.map(({ position }) => position)).toEqual(upTo(11).map((index) => index + 1));
      const keys = log.flatMap(({ key }) => key ?? []);
      for (const name of ["one", "two"]) {
        expect(keys.filter((key) => key.startsWith(name))).toEqual(upTo(4).map((k) => `${name}-${k}`));
      }
    }
  });
});
