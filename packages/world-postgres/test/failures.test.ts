/** What is written and what is told when sessions end, answers are lost, the server crashes or a row stays locked. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { StoreError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { describe, expect, it, vi } from "vitest";
import { NoticeSender } from "../src/notices.ts";
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
import { TestDatabases, withClient } from "./server.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();
const crashing = new TestDatabases("-c fsync=on");

const failed = (error: unknown): StoreError => {
  if (!StoreError.is(error)) throw error;
  return error;
};

const logOf = (world: World, n: number) => world.log.read(id("wrun", n), { after: 0, limit: 1_000 });

/** The backend that waits for a lock, as soon as there is one. */
const waitingBackend = `SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'`;

/** Ends the session whose statement waits for the lock of the run that `during` holds. */
async function terminateDuring(url: string, call: () => Promise<unknown>): Promise<void> {
  await withClient(url, async (blocker) => {
    await blocker.query("BEGIN");
    await blocker.query("SELECT 1 FROM perdure.runs FOR UPDATE");
    const answer = call();
    answer.catch(() => {});
    await withClient(url, async (client) => {
      let pid: number | undefined;
      while (pid === undefined) pid = (await client.query(waitingBackend)).rows[0]?.pid;
      await client.query("SELECT pg_terminate_backend($1)", [pid]);
    });
    await blocker.query("ROLLBACK");
  });
}

describe("a session that the server ends in the middle of an append", () => {
  it("leaves the outcome unknown, and the append that is sent again is written once", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    await world.runs.create(eagerCreation(1));
    const [, started] = await logOf(world, 1);
    const request = driverAppend(2, 2, { decisions: [hookCreated(1, "token", started?.at ?? 0)] });
    let answer: Promise<unknown> = Promise.resolve();
    await terminateDuring(url, () => {
      answer = world.log.append(id("wrun", 1), request);
      return answer;
    });
    const error = await failure(answer);
    expect([error.code, error.outcome]).toEqual(["STORE_UNAVAILABLE", "unknown"]);
    expect(error.cause).toMatchObject({ code: "57P01" });
    const again = await world.log.append(id("wrun", 1), request);
    expect(again).toMatchObject({ kind: "appended", tail: 3 });
    expect((await logOf(world, 1)).map(({ type }) => type)).toEqual(["run_created", "run_started", "hook_created"]);
  });
});

describe("a session that the server ends as soon as it is logged in", () => {
  it("fails the call, and never the process", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false, maxConnections: 2 });
    proxy.endAtLogin();
    const calls = [world.describe(), world.describe()].map((call) => call.then(() => null, failed));
    const errors = (await Promise.all(calls)).filter((error) => error !== null);
    expect(errors.map(({ code, outcome }) => [code, outcome])).toEqual([["STORE_UNAVAILABLE", "none"]]);
    expect((await world.describe()).location).toContain("postgresql://");
  });
});

describe("an answer that is lost after the commit", () => {
  it("L5: leaves the outcome of a driver's append unknown; sent again, the original answers", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    await world.runs.create(eagerCreation(1));
    const [, started] = await logOf(world, 1);
    const request = driverAppend(2, 2, { decisions: [hookCreated(1, "a rare token", started?.at ?? 0)] });
    proxy.cutAnswerTo("a rare token");
    const error = await failure(world.log.append(id("wrun", 1), request));
    expect([error.code, error.outcome, proxy.cuts]).toEqual(["STORE_UNAVAILABLE", "unknown", 1]);
    const { world: other } = await worlds.open({ url: proxy.target });
    const log = await logOf(other, 1);
    expect(log).toHaveLength(3);
    const again = await world.log.append(id("wrun", 1), request);
    expect(again).toMatchObject({ kind: "appended", tail: 3, released: false });
    expect(again.kind === "appended" && again.events).toEqual(log.slice(2));
  });

  it("L5: is one event of an outside writer, whichever world it is sent by again", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    const { world: other } = await worlds.open({ url: proxy.target });
    await world.runs.create(eagerCreation(1, "token"));
    proxy.cutAnswerTo("a rare key");
    const error = await failure(world.log.append(id("wrun", 1), payloadFor(1, "a rare key")));
    expect([error.outcome, proxy.cuts]).toEqual(["unknown", 1]);
    for (const each of [other, world]) {
      const again = await each.log.append(id("wrun", 1), payloadFor(1, "a rare key"));
      expect(again).toMatchObject({ kind: "appended", tail: 4, events: [{ position: 4, key: "a rare key" }] });
    }
  });

  it("X4: makes one run of a creation that is sent again", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    proxy.cutAnswerTo("a rare key");
    const request = creation(1, { key: "a rare key" });
    const error = await failure(world.runs.create(request));
    expect([error.outcome, proxy.cuts]).toEqual(["unknown", 1]);
    const again = await world.runs.create(request);
    expect(again).toMatchObject({ kind: "created", run: { runId: id("wrun", 1), tail: 1 } });
    expect((await world.runs.list({ limit: 10 })).items).toHaveLength(1);
  });

  it("Q1: of a claim leaves runs that the worker finds among those that it holds", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    await world.claims.heartbeat(worker);
    for (const n of [1, 2, 3]) await world.runs.create(creation(n));
    // The statement as it is sent, which BEGIN with its isolation level also resembles.
    proxy.cutAnswerTo("COMMIT\0");
    const error = await failure(world.claims.claim({ worker, max: 2 }));
    expect([error.outcome, proxy.cuts]).toEqual(["unknown", 1]);
    const held = await world.claims.poll(worker.id, "held");
    expect(held.map(({ runId, epoch }) => [runId, epoch]).sort()).toEqual([
      [id("wrun", 1), 1],
      [id("wrun", 2), 1],
    ]);
    const rest = await world.claims.claim({ worker, max: 2 });
    expect(rest.runs.map(({ run }) => run.runId)).toEqual([id("wrun", 3)]);
  });

  it("is no concern of a call that only reads", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    proxy.cutAnswerTo("a rare id");
    const error = await failure(world.runs.get("a rare id"));
    expect([error.code, error.outcome, proxy.cuts]).toEqual(["STORE_UNAVAILABLE", "none", 1]);
    expect(await world.runs.get("a rare id")).toBeNull();
  });
});

describe("a server that crashes", () => {
  it("L2: has all that was acknowledged when it is back, and the worlds go on with it", async () => {
    const url = await crashing.create();
    const { world } = await worlds.open({ url });
    const { world: other } = await worlds.open({ url });
    await world.runs.create(eagerCreation(1, "token"));
    const outcomes = new Set<string>();
    /** Sends a payload again until it is answered; the answer is its position. */
    const send = async (from: World, key: string): Promise<number | undefined> => {
      for (;;) {
        const result = await from.log.append(id("wrun", 1), payloadFor(1, key)).catch((error: unknown) => {
          if (!StoreError.is(error)) throw error;
          outcomes.add(`${error.code} ${error.outcome}`);
          return null;
        });
        if (result !== null) return result.kind === "appended" ? result.events[0]?.position : undefined;
        await new Promise(setImmediate);
      }
    };
    let isBack = false;
    const acknowledged: [key: string, position: number | undefined][] = [];
    const sendAll = async (from: World, name: string): Promise<void> => {
      for (let n = 0; !isBack || n < 10; n += 1) acknowledged.push([`${name}-${n}`, await send(from, `${name}-${n}`)]);
    };
    const sending = Promise.all([sendAll(world, "one"), sendAll(other, "two")]);
    await send(world, "before the crash");
    await crashing.crash();
    isBack = true;
    await sending;
    const log = await logOf(other, 1);
    expect(log.map(({ position }) => position)).toEqual(log.map((_, index) => index + 1));
    expect(log).toHaveLength(3 + 1 + acknowledged.length);
    for (const [key, position] of acknowledged) expect(log[(position ?? 0) - 1]?.key).toBe(key);
    expect(outcomes.size).toBeGreaterThan(0);
    for (const outcome of outcomes) expect(outcome).toMatch(/^STORE_UNAVAILABLE /);
  });
});

describe("a row that another program keeps locked", () => {
  it("makes an append late, and lets other runs go on", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    for (const n of [1, 2]) await world.runs.create(creation(n));
    await withClient(url, async (client) => {
      await client.query("BEGIN");
      await client.query("SELECT 1 FROM perdure.runs WHERE run_id = $1 FOR UPDATE", [id("wrun", 1)]);
      const late = world.log.append(id("wrun", 1), cancellation());
      expect((await world.log.append(id("wrun", 2), cancellation())).kind).toBe("appended");
      await client.query("ROLLBACK");
      expect((await late).kind).toBe("appended");
    });
  });

  it("Q1: does not keep a claim from the runs of a lost worker that are free", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    for (const n of [1, 2]) await world.runs.create(creation(n));
    expect((await world.claims.claim({ worker: { ...worker, id: "never beats" }, max: 2 })).runs).toHaveLength(2);
    await world.claims.heartbeat(worker);
    await withClient(url, async (client) => {
      await client.query("BEGIN");
      await client.query("SELECT 1 FROM perdure.runs WHERE run_id = $1 FOR UPDATE", [id("wrun", 1)]);
      const { runs } = await world.claims.claim({ worker, max: 2 });
      expect(runs.map(({ run }) => run.runId)).toEqual([id("wrun", 2)]);
      await client.query("ROLLBACK");
    });
    const { runs } = await world.claims.claim({ worker, max: 2 });
    expect(runs.map(({ run }) => run.runId)).toEqual([id("wrun", 1)]);
  });
});

describe("a process that hears no notifications", () => {
  it("hears of the end of a run later, and of everything that is due", async () => {
    const url = await worlds.databases.create();
    const { world: deaf } = await worlds.open({ url, notifications: false, pollMs: 20 });
    const { world: other } = await worlds.open({ url });
    await other.runs.create(creation(1));
    const waiting = deaf.runs.waitForEnd(id("wrun", 1), 25_000);
    const heard = Promise.withResolvers<string | null>();
    const stop = deaf.wake?.listen(({ runId }) => heard.resolve(runId));
    await other.log.append(id("wrun", 1), cancellation());
    expect((await waiting)?.status).toBe("cancelled");
    expect(await heard.promise).toBeNull();
    stop?.();
  });

  it("hears of the end of a run whose end was not told by anybody", async () => {
    const url = await worlds.databases.create();
    const { world: mute } = await worlds.open({ url, notifications: false });
    const { world: listening } = await worlds.open({ url, pollMs: 20 });
    await mute.runs.create(creation(1));
    const waiting = listening.runs.waitForEnd(id("wrun", 1), 25_000);
    await mute.log.append(id("wrun", 1), cancellation());
    expect((await waiting)?.status).toBe("cancelled");
  });

  it.each(["stays", "closes"])("tells others of a run that its own worker leaves to them, when it %s", async (end) => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const { world: other } = await worlds.open({ url, pollMs: 30_000 });
    const heard = Promise.withResolvers<void>();
    const stop = other.wake?.listen((hint) => {
      if (hint.runId === id("wrun", 1)) heard.resolve();
    });
    await listening(url, 1);
    await world.claims.heartbeat(worker);
    await world.runs.create({ ...creation(1), eager: null });
    if (end === "closes") await world.close();
    await heard.promise;
    stop?.();
  });

  it("tells others at once of jobs, which its own worker's claim of the run does not take", async () => {
    const { store, world } = await worlds.open({ url: await worlds.databases.create() });
    await world.claims.heartbeat(worker);
    await world.runs.create({ ...creation(1), eager: null });
    const run = await store.row(id("wrun", 1));
    if (run === null) expect.fail("it was just created");
    const send = vi.spyOn(NoticeSender.prototype, "send");
    store.announce(run, { owner: null, jobs: false });
    expect(send).not.toHaveBeenCalled();
    store.announce(run, { owner: null, jobs: true });
    expect(send).toHaveBeenCalledOnce();
    send.mockRestore();
  });

  it("hears again once its connection is back", async () => {
    const url = await worlds.databases.create();
    const { world, store } = await worlds.open({ url, pollMs: 20 });
    const { world: other } = await worlds.open({ url });
    const hints = { count: 0, next: Promise.withResolvers<void>() };
    const stop = world.wake?.listen(() => hints.next.resolve());
    await listening(url, 1);
    await withClient(url, (client) =>
      client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"),
    );
    await listening(url, 1);
    await other.runs.create(creation(1));
    await hints.next.promise;
    stop?.();
    expect(store.signals.isWatched).toBe(false);
  });
});

/** Resolves when so many sessions listen. */
async function listening(url: string, count: number): Promise<void> {
  await withClient(url, async (client) => {
    const sql =
      "SELECT count(*)::integer AS count FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    while ((await client.query(sql)).rows[0]?.count !== count);
  });
}

describe("more calls than connections", () => {
  it("wait for their turn, however long that takes", async () => {
    const url = await worlds.databases.create();
    const { store } = await worlds.open({ url, maxConnections: 1, timeoutMs: 1_500 });
    // The server is busy for two seconds in all, and each statement for a fifth of one.
    const busy = Array.from({ length: 10 }, () => store.database.read("SELECT pg_sleep(0.2)", []));
    expect((await Promise.allSettled(busy)).map(({ status }) => status)).toEqual(busy.map(() => "fulfilled"));
  });
});

describe("a closed world", () => {
  it("answers what it accepted before, and refuses everything after", async () => {
    const { world } = await worlds.open({ url: await worlds.databases.create() });
    await world.runs.create(creation(4));
    const accepted = Promise.all([1, 2, 3].map((n) => world.runs.create(creation(n))));
    const waiting = world.runs.waitForEnd(id("wrun", 4), 60_000);
    waiting.catch(() => {});
    await world.close();
    expect((await accepted).map(({ kind }) => kind)).toEqual(["created", "created", "created"]);
    expect((await failure(waiting)).code).toBe("STORE_CLOSED");
    const calls = [
      world.runs.create(creation(6)),
      world.runs.get(id("wrun", 1)),
      world.runs.list({ limit: 1 }),
      world.log.read(id("wrun", 1), { after: 0, limit: 1 }),
      world.log.append(id("wrun", 1), cancellation()),
      world.claims.poll("worker"),
      world.claims.heartbeat(worker),
      world.bundles.get("bundle"),
      world.hooks.find("token"),
      world.describe(),
    ];
    for (const call of calls) expect((await failure(call)).code).toBe("STORE_CLOSED");
    await world.close();
  });

  it("is closed before its process ends, also when nothing else keeps that alive", async () => {
    const program = fileURLToPath(new URL("listen-and-close.ts", import.meta.url));
    const parameters = ["--conditions=@perdure/source", program, await worlds.databases.create()];
    const ended = await promisify(execFile)(process.execPath, parameters, { env: { PATH: process.env["PATH"] } });
    expect(ended).toEqual({ stdout: "closed", stderr: "" });
  });
});
