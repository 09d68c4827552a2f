/** Processes that write at once: keys, tokens, ends and logs, round after round. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type AppendResult, admitDriverAppend, jobChanges, type LogEvent, type World } from "@perdure/world";
import { describe, expect, it, vi } from "vitest";
import {
  cancellation,
  creation,
  driverAppend,
  eagerCreation,
  hookCreated,
  hookDisposed,
  id,
  payloadFor,
  worker,
} from "./request-values.ts";
import { withClient } from "./server.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();
const isLong = process.env["PERDURE_LONG"] === "1";
const rounds = isLong ? 2_000 : 200;
if (isLong) vi.setConfig({ testTimeout: 300_000 });

const logOf = (world: World, n: number) => world.log.read(id("wrun", n), { after: 0, limit: 100_000 });

/** Rounds that concern nobody else's runs, a few of them at a time. */
async function inRounds(count: number, play: (round: number) => Promise<void>): Promise<void> {
  for (let first = 0; first < count; first += 10) {
    const size = Math.min(10, count - first);
    await Promise.all(Array.from({ length: size }, (_, index) => play(first + index)));
  }
}

/** Both calls at once, in either order. */
async function together<T>(round: number, first: () => Promise<T>, second: () => Promise<T>): Promise<[T, T]> {
  if (round % 2 === 0) return Promise.all([first(), second()]);
  const [b, a] = await Promise.all([second(), first()]);
  return [a, b];
}

const typesOf = (result: AppendResult): string[] =>
  result.kind === "appended" ? result.events.map(({ type }) => type) : [result.kind];

describe("two processes at once", () => {
  it("X4: make one run of one key, round after round", async () => {
    const [one, two] = await worlds.openTwo();
    await inRounds(rounds, async (round) => {
      const key = `order-${round}`;
      const [a, b] = await together(
        round,
        () => one.runs.create(creation(2 * round, { key })),
        () => two.runs.create(creation(2 * round + 1, { key })),
      );
      expect([a.kind, b.kind].toSorted()).toEqual(["created", "existing"]);
      if (!("run" in a) || !("run" in b)) expect.fail("both name the run");
      expect(a.run.runId).toBe(b.run.runId);
    });
    expect((await one.runs.list({ limit: 10_000 })).items).toHaveLength(rounds);
  });

  it("H3: give one token to one of two new runs, round after round", async () => {
    const [one, two] = await worlds.openTwo();
    await one.claims.heartbeat(worker);
    await inRounds(rounds, async (round) => {
      const token = `token-${round}`;
      const { storeNow } = await one.describe();
      const results = await together(
        round,
        () => one.runs.create(eagerCreation(2 * round, token, storeNow)),
        () => two.runs.create(eagerCreation(2 * round + 1, token, storeNow)),
      );
      const last = results.map((result) => (result.kind === "created" ? result.events[2] : undefined));
      expect(last.map((event) => event?.type).toSorted()).toEqual(["hook_conflict", "hook_created"]);
      const holder = await two.hooks.find(token);
      const conflict = last.find((event) => event?.type === "hook_conflict");
      expect(conflict?.data).toEqual({ tokenHash: token, conflictingRunId: holder?.runId });
    });
  });

  it("H3 H4: hand a token over while it is freed: the other run has it or a conflict, and never both", async () => {
    const [one, two] = await worlds.openTwo();
    await one.claims.heartbeat(worker);
    const seen = new Set<string>();
    await inRounds(rounds, async (round) => {
      const token = `token-${round}`;
      const { storeNow: at } = await one.describe();
      await one.runs.create(eagerCreation(2 * round, token, at));
      await two.runs.create(eagerCreation(2 * round + 1, null, at));
      const [first, second] = [2 * round, 2 * round + 1];
      const [freed, taken] = await together(
        round,
        () => one.log.append(id("wrun", first), driverAppend(2, 3, { decisions: [hookDisposed(first, at)] })),
        () => two.log.append(id("wrun", second), driverAppend(2, 2, { decisions: [hookCreated(second, token, at)] })),
      );
      expect(typesOf(freed)).toEqual(["hook_disposed"]);
      const [type = ""] = typesOf(taken);
      seen.add(type);
      const holder = await one.hooks.find(token);
      expect(holder?.runId ?? null).toBe(type === "hook_created" ? id("wrun", second) : null);
    });
    for (const type of seen) expect(["hook_created", "hook_conflict"]).toContain(type);
  });

  it("L1 L5: write one log, in which everything stands once and in order", async () => {
    const [one, two] = await worlds.openTwo();
    await one.claims.heartbeat(worker);
    const { storeNow } = await one.describe();
    await one.runs.create(eagerCreation(1, "token", storeNow));
    const [, started] = await logOf(one, 1);
    const at = started?.at ?? 0;
    let tail = 3;
    for (let n = 2; n < rounds; n += 1) {
      const [result] = await Promise.all([
        one.log.append(id("wrun", 1), driverAppend(n, tail, { decisions: [{ ...hookCreated(n, `token-${n}`, at) }] })),
        two.log.append(id("wrun", 1), payloadFor(1, `two-${n}`)),
        ...(n % 3 === 0 ? [one.log.append(id("wrun", 1), payloadFor(1, `one-${n}`))] : []),
        ...(n % 5 === 0 ? [one.log.append(id("wrun", 1), payloadFor(1, `two-${n}`))] : []),
      ]);
      if (result?.kind !== "appended") expect.fail(`the driver's append was ${result?.kind}`);
      tail = result.tail;
    }
    const log = await logOf(two, 1);
    expect(log).toEqual(await logOf(one, 1));
    expect(log.map(({ position }) => position)).toEqual(log.map((_, index) => index + 1));
    const received = log.filter((event) => event.type === "hook_received");
    expect(received.map(({ data }) => data.ordinal)).toEqual(received.map((_, index) => index + 1));
    const keys = received.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const expected = rounds - 2 + Math.floor((rounds - 1) / 3);
    expect(received).toHaveLength(expected);
    expect(log.filter(({ type }) => type === "hook_created")).toHaveLength(rounds - 1);
  });

  it("X1: end a run in one way, round after round", async () => {
    const [one, two] = await worlds.openTwo();
    await one.claims.heartbeat(worker);
    await inRounds(rounds, async (round) => {
      const { storeNow: at } = await one.describe();
      await one.runs.create(eagerCreation(round, null, at));
      const completion = {
        type: "run_completed",
        correlationId: null,
        at,
        cause: 2,
        data: {},
        payload: null,
      } as const;
      const results = await together(
        round,
        () => one.log.append(id("wrun", round), driverAppend(2, 2, { decisions: [completion] })),
        () => two.log.append(id("wrun", round), cancellation()),
      );
      expect(results.map(({ kind }) => kind).toSorted()).toEqual(["appended", "refused"]);
      expect(await logOf(one, round)).toHaveLength(3);
    });
  });

  it("D1: share what is due without overlap", async () => {
    const [one, two] = await worlds.openTwo();
    const count = isLong ? 1_000 : 120;
    await Promise.all(Array.from({ length: count }, (_, n) => one.runs.create(creation(n))));
    const claimed: string[] = [];
    const drain = async (world: World, workerId: string): Promise<void> => {
      const mine = { ...worker, id: workerId };
      await world.claims.heartbeat(mine);
      for (;;) {
        const { runs, nextWakeAt } = await world.claims.claim({ worker: mine, max: 7 });
        claimed.push(...runs.map(({ run }) => run.runId));
        if (runs.length === 0 && nextWakeAt === null) return;
      }
    };
    await Promise.all([drain(one, "a"), drain(two, "b"), drain(two, "c")]);
    expect(claimed.toSorted()).toEqual(Array.from({ length: count }, (_, n) => id("wrun", n)).toSorted());
  });
});

describe("a change whose ground others take away", () => {
  it("H3: is no conflict when the token was freed after it was looked up", async () => {
    const url = await worlds.databases.create();
    const { store, world } = await worlds.open({ url });
    const { world: other } = await worlds.open({ url });
    await world.claims.heartbeat(worker);
    const { storeNow: at } = await world.describe();
    await other.runs.create(eagerCreation(1, "token", at));
    await world.runs.create(eagerCreation(2, null, at));
    const request = driverAppend(2, 2, { decisions: [hookCreated(2, "token", at)] });
    const judged: string[] = [];
    await store.changes.change(id("wrun", 2), {
      missing: () => null,
      judge: async ({ stored, storeNow, tokenOwner, queries }) => {
        const readHeads = (after: number, last: number) =>
          store.events.readHeads(queries, id("wrun", 2), { after, last });
        const view = await store.cache.viewOf(stored, readHeads);
        const admitted = admitDriverAppend(stored.run, view, request, { storeNow, tokenOwner });
        if (admitted.kind !== "admitted") expect.fail(`the append was ${admitted.kind}`);
        judged.push(admitted.events[0]?.type ?? "nothing");
        if (judged.length === 2) {
          await other.log.append(id("wrun", 1), driverAppend(2, 3, { decisions: [hookDisposed(1, at)] }));
        }
        return { kind: "append", admitted, view, jobs: jobChanges(admitted, null), hint: null, answer: () => null };
      },
    });
    expect(judged).toEqual(["hook_created", "hook_conflict", "hook_created"]);
    expect(await world.hooks.find("token")).toMatchObject({ runId: id("wrun", 2), position: 3 });
  });

  it("Q5: locks the row in the end, and is then written", async () => {
    const url = await worlds.databases.create();
    const { store } = await worlds.open({ url });
    const { world: other } = await worlds.open({ url });
    await other.runs.create(eagerCreation(1, "token"));
    let judged = 0;
    const free: number[] = [];
    const unlockedRuns = "SELECT 1 FROM perdure.runs FOR UPDATE SKIP LOCKED";
    const answer = await store.changes.change(id("wrun", 1), {
      missing: () => "missing",
      judge: async ({ stored }) => {
        judged += 1;
        free.push(await withClient(url, async (client) => (await client.query(unlockedRuns)).rows.length));
        // Whoever holds the lock cannot be overtaken: then this would wait for ever.
        if (judged <= 3) await other.log.append(id("wrun", 1), payloadFor(1, `key-${judged}`));
        const run = { ...stored.run, wakeAt: 4_711 };
        return { kind: "row", run, needsClock: false, hint: null, answer: "written" };
      },
    });
    expect([answer, judged, free]).toEqual(["written", 4, [1, 1, 1, 0]]);
    expect(await other.runs.get(id("wrun", 1))).toMatchObject({ tail: 6, wakeAt: 4_711 });
  });
});

interface Child {
  readonly process: ChildProcess;
  readonly acknowledged: AsyncIterable<string>;
  readonly ended: Promise<number | string | null>;
}

function startLoop(args: readonly string[]): Child {
  const script = fileURLToPath(new URL("append-loop.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@perdure/source", script, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] },
  });
  const ended = new Promise<number | string | null>((resolve) => {
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  return { process: child, acknowledged: createInterface({ input: child.stdout }), ended };
}

type Acknowledgement = readonly [run: number, key: string, position: number];

/** Every acknowledgement of a child; it is killed after `killAfter` of them. */
async function acknowledgementsOf(child: Child, killAfter = Number.POSITIVE_INFINITY): Promise<Acknowledgement[]> {
  const all: Acknowledgement[] = [];
  for await (const line of child.acknowledged) {
    all.push(JSON.parse(line));
    if (all.length === killAfter) child.process.kill("SIGKILL");
  }
  return all;
}

describe("several processes on one server", () => {
  it("L1 L2 L5: lose and double nothing of what was acknowledged, also when one of them is killed", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const runs = 10;
    for (let n = 0; n < runs; n += 1) await world.runs.create(eagerCreation(n, `token-${n}`));
    const victim = startLoop([url, "victim", String(runs), "100000"]);
    const survivor = startLoop([url, "survivor", String(runs), "10"]);
    const acks = await Promise.all([acknowledgementsOf(victim, 60), acknowledgementsOf(survivor)]);
    expect(await Promise.all([victim.ended, survivor.ended])).toEqual(["SIGKILL", 0]);
    for (let n = 0; n < runs; n += 1) {
      const log = await logOf(world, n);
      expect(log.map(({ position }) => position)).toEqual(log.map((_, index) => index + 1));
      const byPosition = new Map(log.map((event: LogEvent) => [event.position, event.key]));
      for (const [run, key, position] of acks.flat()) if (run === n) expect(byPosition.get(position)).toBe(key);
      const keys = log.flatMap(({ key }) => key ?? []);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });
});

describe("a claim of runs that hints name", () => {
  it("fails only when nothing of it is under way any more, so that its worker finds all that it holds", async () => {
    const { store, world } = await worlds.open({ url: await worlds.databases.create() });
    await world.claims.heartbeat(worker);
    for (const n of [1, 2]) await world.runs.create({ ...creation(n), eager: null });
    const change = store.changes.change.bind(store.changes);
    const lost = new Error("the answer was lost");
    const spy = vi.spyOn(store.changes, "change");
    spy.mockImplementation((runId, options) =>
      runId === id("wrun", 1) ? Promise.reject(lost) : change(runId, options),
    );
    const claim = world.claims.claim({ worker, max: 2, hinted: [id("wrun", 1), id("wrun", 2)] });
    await expect(claim).rejects.toBe(lost);
    spy.mockRestore();
    expect((await world.claims.poll(worker.id, "held")).map(({ runId }) => runId)).toEqual([id("wrun", 2)]);
  });
});
