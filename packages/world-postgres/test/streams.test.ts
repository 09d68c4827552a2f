/** Streams over processes: writers that are killed or late, and readers that wait. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import type { CuttingProxy } from "./proxy.ts";
import {
  bodyOf,
  cancellation,
  driverAppend,
  eagerCreation,
  id,
  outsider,
  stepCreated,
  streamBatch,
  worker,
} from "./request-values.ts";
import { withClient } from "./server.ts";
import { countOf } from "./statement-counts.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();

/** A bound of liveness; nothing waits for it. */
const longMs = 30_000;

const textsOf = (chunks: readonly Uint8Array[]) => chunks.map((chunk) => Buffer.from(chunk).toString());
const append = (world: World, run: number, request: ReturnType<typeof streamBatch>) =>
  world.streams.append(id("wrun", run), request);
const read = (world: World, run: number, from = 0, waitMs = 0, limit = 1_000) =>
  world.streams.read(id("wrun", run), "out", { from, limit, waitMs });
const first = (index: number) => ({ kind: "appended", first: index });

/** A claimed run with a step whose body may run; both have the same number. */
async function startRun(world: World, n: number): Promise<void> {
  await world.claims.heartbeat(worker);
  const { storeNow: at } = await world.describe();
  await world.runs.create(eagerCreation(n, null, at));
  const result = await world.log.append(id("wrun", n), driverAppend(2, 2, { decisions: [stepCreated(n, at)] }));
  expect(result.kind).toBe("appended");
}

/** Everything from an index to the end of the stream, as it comes; `pages` counts the answers. */
async function tail(world: World, run: number, from = 0, onPage?: () => void): Promise<string[]> {
  const seen: string[] = [];
  for (let next = from; ; ) {
    const page = await read(world, run, next, longMs);
    onPage?.();
    seen.push(...textsOf(page.chunks));
    next = page.first + page.chunks.length;
    if (page.end !== null && next >= page.count) return seen;
  }
}

/** What the stream holds now. */
async function held(world: World, run: number): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const { chunks, count } = await read(world, run, seen.length);
    seen.push(...textsOf(chunks));
    if (seen.length >= count) return seen;
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => String(from + index));

/** The server has what was held back, and has done with it: the session that it was sent by is gone. */
async function whenReleased(proxy: CuttingProxy): Promise<void> {
  const sessions = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()";
  await withClient(proxy.target, async (client) => {
    const count = async (): Promise<number> => (await client.query(sessions)).rows[0].count;
    const before = await count();
    proxy.release();
    while ((await count()) >= before);
  });
}

function startWriter(args: readonly string[]): { readonly child: ChildProcess; readonly acks: AsyncIterable<string> } {
  const script = fileURLToPath(new URL("stream-loop.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@perdure/source", script, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] },
  });
  return { child, acks: createInterface({ input: child.stdout }) };
}

describe("a writer in another process", () => {
  it.each([true, false])("C1 C6: is followed to the end, with notifications %s", async (notifications) => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url, notifications, pollMs: 50 });
    await startRun(world, 1);
    const { child } = startWriter([url, "1", "writer", "40", "25"]);
    const ended = once(child, "close");
    // Readers from the beginning and from the middle, at work before there is anything.
    const readers = [tail(world, 1), tail(world, 1, 333)];
    expect((await ended)[0]).toBe(0);
    const late = [0, 1, 499, 999, -1, -250].map((from) => tail(world, 1, from));
    const [whole, rest] = await Promise.all(readers);
    expect(whole).toEqual(numbers(0, 1_000));
    expect(rest).toEqual(numbers(333, 1_000));
    expect(await Promise.all(late)).toEqual([0, 1, 499, 999, 999, 750].map((from) => numbers(from, 1_000)));
  });

  it("L2 C3: that is killed leaves what was acknowledged, and the next one goes on behind it", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    await startRun(world, 1);
    const { child, acks } = startWriter([url, "1", "victim", "100000", "3"]);
    let acknowledged = 0;
    for await (const _ of acks) if (++acknowledged === 20) child.kill("SIGKILL");
    const { count } = await read(world, 1);
    expect(count % 3).toBe(0);
    expect(count).toBeGreaterThanOrEqual(acknowledged * 3);
    expect(await append(world, 1, streamBatch(outsider("next"), 1, ["next"]))).toEqual(first(count));
    expect(await held(world, 1)).toEqual([...numbers(0, count), "next"]);
  });
});

describe("a reader that waits", () => {
  it("C6: finds by itself what no notice has told it", async () => {
    const url = await worlds.databases.create();
    const { world: silent } = await worlds.open({ url, notifications: false });
    const { world } = await worlds.open({ url, pollMs: 50 });
    await startRun(silent, 1);
    await append(silent, 1, streamBatch(bodyOf(1), 1, ["one"]));
    const waits = [read(world, 1, 1, longMs), read(world, 1, 2, longMs)];
    await append(silent, 1, streamBatch(bodyOf(1), 2, ["two"]));
    expect(textsOf((await waits[0])?.chunks ?? [])).toEqual(["two"]);
    expect((await silent.log.append(id("wrun", 1), cancellation())).kind).toBe("appended");
    expect((await waits[1])?.end).toEqual({ by: "run", status: "cancelled" });
  });

  it("is told that the world is closed, and does not keep it", async () => {
    const { world } = await worlds.open({ url: await worlds.databases.create() });
    await startRun(world, 1);
    const failed = failure(read(world, 1, 0, longMs));
    await world.close();
    expect((await failed).code).toBe("STORE_CLOSED");
  });
});

describe("10,000 chunks", () => {
  it("C1: are written in batches and read in pages, whole and from any index", async () => {
    const [one, two] = await worlds.openTwo();
    await startRun(one, 1);
    for (let n = 1; n <= 10; n += 1) {
      const batch = streamBatch(bodyOf(1), n, numbers((n - 1) * 1_000, n * 1_000));
      expect(await append(one, 1, batch)).toEqual(first((n - 1) * 1_000));
    }
    await append(one, 1, streamBatch(bodyOf(1), 11, [], { close: { error: null } }));
    expect(await tail(two, 1)).toEqual(numbers(0, 10_000));
    expect(await tail(two, 1, 9_123)).toEqual(numbers(9_123, 10_000));
    expect(await tail(two, 1, -10)).toEqual(numbers(9_990, 10_000));
  });

  it("C7: of a page are as many as it takes, in chunks of any size", async () => {
    const [one, two] = await worlds.openTwo();
    await startRun(one, 1);
    const large = Buffer.alloc(3 * 1024 * 1024, "x");
    for (let n = 1; n <= 2; n += 1) {
      await append(one, 1, { ...streamBatch(bodyOf(1), n, []), chunks: [large, Buffer.from("small"), large] });
    }
    const sizes: number[][] = [];
    for (let next = 0; next < 6; ) {
      const { chunks } = await read(two, 1, next);
      sizes.push(chunks.map(({ byteLength }) => byteLength));
      next += chunks.length;
    }
    const size = large.byteLength;
    expect(sizes).toEqual([
      [size, 5, size],
      [size, 5, size],
    ]);
  });
});

describe("a zombie writer", () => {
  it("C4: whose append reaches the server only after the takeover writes nothing", async () => {
    const proxy = await worlds.openProxy();
    const { world: zombie } = await worlds.open({ url: proxy.url, notifications: false });
    const { world: next } = await worlds.open({ url: proxy.target });
    await startRun(zombie, 1);
    expect(await append(zombie, 1, streamBatch(bodyOf(1), 1, ["first"]))).toEqual(first(0));
    proxy.holdBack("a rare chunk");
    const error = await failure(append(zombie, 1, streamBatch(bodyOf(1), 2, ["a rare chunk"])));
    expect([error.outcome, proxy.cuts]).toEqual(["unknown", 1]);
    await zombie.claims.retire(worker.id);
    const mine = { ...worker, id: "worker-b" };
    await next.claims.heartbeat(mine);
    const { runs } = await next.claims.claim({ worker: mine, max: 1 });
    expect(runs.map(({ epoch }) => epoch)).toEqual([2]);
    const { storeNow: at } = await next.describe();
    const data = { attempt: 1, delivery: 2 };
    const restart = { type: "step_started", correlationId: id("step", 1), at, data, payload: null } as const;
    const taken = await next.log.append(id("wrun", 1), driverAppend(1, 3, { epoch: 2, facts: [restart] }));
    expect(taken.kind).toBe("appended");
    await whenReleased(proxy);
    expect(await append(zombie, 1, streamBatch(bodyOf(1), 2, ["a rare chunk"]))).toEqual({ kind: "fenced" });
    expect(await append(next, 1, streamBatch(bodyOf(1, 2), 1, ["next"]))).toEqual(first(1));
    expect(textsOf((await read(next, 1)).chunks)).toEqual(["first", "next"]);
  });
});

describe("an answer that is lost after the commit", () => {
  it("C2: leaves the outcome unknown; the batch that is sent again is written once", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    const { world: other } = await worlds.open({ url: proxy.target });
    await startRun(other, 1);
    expect(await append(world, 1, streamBatch(bodyOf(1), 1, ["one"]))).toEqual(first(0));
    proxy.cutAnswerTo("a rare chunk");
    const batch = streamBatch(bodyOf(1), 2, ["two", "a rare chunk"], { close: { error: null } });
    const error = await failure(append(world, 1, batch));
    expect([error.code, error.outcome, proxy.cuts]).toEqual(["STORE_UNAVAILABLE", "unknown", 1]);
    for (const each of [world, other, world]) expect(await append(each, 1, batch)).toEqual(first(1));
    const page = await read(other, 1);
    expect([textsOf(page.chunks), page.end]).toEqual([["one", "two", "a rare chunk"], { by: "writer", error: null }]);
  });
});

describe("a request that is late", () => {
  it("C2: is written once, though it was sent again and was written meanwhile", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    await startRun(world, 1);
    expect(await append(world, 1, streamBatch(bodyOf(1), 1, ["one"]))).toEqual(first(0));
    const batch = streamBatch(bodyOf(1), 2, ["a rare chunk"]);
    proxy.holdBack("a rare chunk");
    const error = await failure(append(world, 1, batch));
    expect([error.outcome, proxy.cuts]).toEqual(["unknown", 1]);
    expect(await append(world, 1, batch)).toEqual(first(1));
    await whenReleased(proxy);
    expect(await append(world, 1, streamBatch(bodyOf(1), 3, ["three"]))).toEqual(first(2));
    expect(await held(world, 1)).toEqual(["one", "a rare chunk", "three"]);
  });
});

describe("a stream and its run", () => {
  it("X2: agree about which was first, the last chunk or the end, however they meet", async () => {
    const [one, two] = await worlds.openTwo();
    for (let round = 1; round <= 8; round += 1) {
      await startRun(one, round);
      const write = () => append(one, round, streamBatch(bodyOf(round), 1, ["chunk"]));
      const cancel = () => two.log.append(id("wrun", round), cancellation());
      const reader = tail(two, round);
      const calls = round % 2 === 0 ? [write(), cancel()] : [cancel(), write()];
      const results = await Promise.all(calls);
      const isWritten = results.every(({ kind }) => kind === "appended");
      expect(await reader).toEqual(isWritten ? ["chunk"] : []);
      expect((await read(one, round)).count).toBe(isWritten ? 1 : 0);
    }
  });

  it("vanish together", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    for (const n of [1, 2]) {
      await startRun(world, n);
      await append(world, n, streamBatch(bodyOf(n), 1, ["a", "b"]));
    }
    const left = await withClient(url, async (client) => {
      await client.query("DELETE FROM perdure.runs WHERE run_id = $1", [id("wrun", 1)]);
      const counted = `SELECT (SELECT count(*)::int FROM perdure.streams) AS streams,
(SELECT count(*)::int FROM perdure.stream_writers) AS writers, (SELECT count(*)::int FROM perdure.stream_chunks) AS chunks`;
      return (await client.query(counted)).rows[0];
    });
    expect(left).toEqual({ streams: 1, writers: 1, chunks: 2 });
  });

  it("C7: that somebody keeps locked delays no stream of another run", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    for (const n of [1, 2]) await startRun(world, n);
    await withClient(url, async (blocker) => {
      await blocker.query("BEGIN");
      await blocker.query("SELECT 1 FROM perdure.runs WHERE run_id = $1 FOR UPDATE", [id("wrun", 1)]);
      const waiting = append(world, 1, streamBatch(bodyOf(1), 1, ["late"]));
      for (let n = 1; n <= 3; n += 1) {
        expect(await append(world, 2, streamBatch(bodyOf(2), n, ["soon"]))).toEqual(first(n - 1));
      }
      expect((await read(world, 1)).count).toBe(0);
      await blocker.query("ROLLBACK");
      expect(await waiting).toEqual(first(0));
    });
  });
});

const one = { reads: 0, writes: 1, transactions: 0 };

describe("round trips to the server", () => {
  it("are one for an append by a worker that drives the run, and one for many appends at once", async () => {
    const url = await worlds.databases.create();
    const { store, world } = await worlds.open({ url });
    for (let n = 1; n <= 20; n += 1) await startRun(world, n);
    expect(await countOf(store, () => append(world, 1, streamBatch(bodyOf(1), 1, ["a"])))).toEqual(one);
    const all = () =>
      Promise.all(
        Array.from({ length: 100 }, (_, index) => {
          const run = (index % 20) + 1;
          return append(world, run, streamBatch(outsider(`w${index}`), 1, ["a", "b"], { name: `s${index % 40}` }));
        }),
      );
    expect(await countOf(store, all)).toEqual(one);
    expect((await world.streams.info(id("wrun", 1), "s0"))?.count).toBe(6);
  });

  it("are two more for the first append of a process that knows nothing of the run, and none for the next", async () => {
    const url = await worlds.databases.create();
    const { world: other } = await worlds.open({ url });
    await startRun(other, 1);
    const { store, world } = await worlds.open({ url });
    const write = (n: number) => countOf(store, () => append(world, 1, streamBatch(bodyOf(1), n, ["a"])));
    expect(await write(1)).toEqual({ ...one, reads: 2 });
    expect(await write(2)).toEqual(one);
  });

  it("are one for each batch that a tail reader hears of, however many chunks it has", async () => {
    const url = await worlds.databases.create();
    const { world: other } = await worlds.open({ url });
    await startRun(other, 1);
    const { store, world } = await worlds.open({ url, pollMs: longMs });
    let pages = 0;
    const follow = async () => {
      const reader = tail(world, 1, 0, () => {
        pages += 1;
      });
      for (let n = 1; n <= 5; n += 1) {
        const count = n * 200;
        await append(other, 1, streamBatch(outsider("w"), n, numbers(count - 200, count)));
      }
      await append(other, 1, streamBatch(outsider("w"), 6, [], { close: { error: null } }));
      expect(await reader).toHaveLength(1_000);
    };
    const { reads } = await countOf(store, follow, 'perdure".stream_chunks');
    // A page that has to be waited for was looked for before.
    expect(reads).toBeGreaterThan(0);
    expect(reads).toBeLessThanOrEqual(2 * pages);
    expect(pages).toBeLessThanOrEqual(7);
  });
});
