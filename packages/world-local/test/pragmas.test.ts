/** What the pragmas of each connection are, as SQLite says, and that the log stays small by them. */
import { copyFileSync, existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { createLocalWorld } from "@perdure/world-local";
import { afterEach, describe, expect, it } from "vitest";
import { heartbeatSource, heartbeatThreadData } from "../src/heartbeat-thread.ts";
import { worldOn } from "../src/local-world.ts";
import { Store } from "../src/store.ts";
import { Bench } from "./bench.ts";
import { startChild } from "./children.ts";
import { settingsFor } from "./recording.ts";
import { creation, eagerCreation, id, payloadFor, worker } from "./request-values.ts";

const bench = new Bench();
const platform = Object.getOwnPropertyDescriptor(process, "platform");

afterEach(() => {
  if (platform !== undefined) Object.defineProperty(process, "platform", platform);
});

const pagesMax = 1_000;
const pageAndHeader = 4_096 + 24;

/** Numbers as of https://www.sqlite.org/pragma.html; synchronous 2 is FULL and 1 NORMAL. */
function pragmasOf(db: DatabaseSync): Readonly<Record<string, unknown>> {
  const names = ["journal_mode", "synchronous", "foreign_keys", "wal_autocheckpoint", "busy_timeout", "locking_mode"];
  const sizes = ["journal_size_limit", "cache_size", "cell_size_check", "fullfsync", "checkpoint_fullfsync"];
  return Object.fromEntries(
    [...names, ...sizes].map((name) => [name, Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]]),
  );
}

const ofStore = {
  journal_mode: "wal",
  synchronous: 2,
  foreign_keys: 1,
  wal_autocheckpoint: pagesMax,
  busy_timeout: 0,
  locking_mode: "normal",
  journal_size_limit: 64 * 1024 * 1024,
  cache_size: -16_000,
  cell_size_check: 1,
  fullfsync: 0,
  checkpoint_fullfsync: 0,
};

/** The heartbeat's own module, with the connection that it opened. */
function openHeartbeat(file: string, namespaceId: number) {
  const opened: DatabaseSync[] = [];
  class Recorded extends DatabaseSync {
    constructor(path: string) {
      super(path);
      opened.push(this);
    }
  }
  const require = createRequire(import.meta.url);
  const load = (name: string): unknown => (name === "node:sqlite" ? { DatabaseSync: Recorded } : require(name));
  const holder: { exports?: (data: unknown) => { beat(worker: unknown): void; close(): void } } = {};
  new Function("module", "require", heartbeatSource)(holder, load);
  const thread = holder.exports?.(heartbeatThreadData(file, namespaceId));
  const [db] = opened;
  if (thread === undefined || db === undefined) expect.fail("the module opens one connection");
  return { db, thread };
}

describe("the pragmas of a connection", () => {
  it.each(["linux", "darwin"])(
    "L2: are those of a store that survives a power cut, at each opening, on %s",
    async (name) => {
      Object.defineProperty(process, "platform", { ...platform, value: name });
      const flushes = name === "darwin" ? { fullfsync: 1, checkpoint_fullfsync: 1 } : {};
      const file = bench.file();
      for (let opening = 0; opening < 2; opening += 1) {
        const store = await Store.open(settingsFor(file));
        expect(pragmasOf(store.db)).toEqual({ ...ofStore, ...flushes });
        const world = worldOn(store, false);
        expect(world.claims.heartbeatThread(worker)).not.toBeNull();
        expect(pragmasOf(store.db)).toEqual({ ...ofStore, ...flushes, wal_autocheckpoint: 2 * pagesMax });
        await world.close();
      }
    },
  );

  it.each(["linux", "darwin"])("of the heartbeat flush nothing but what they copy, on %s", async (name) => {
    Object.defineProperty(process, "platform", { ...platform, value: name });
    const store = await Store.open(settingsFor(bench.file()));
    const { db, thread } = openHeartbeat(store.settings.file, store.namespaceId);
    thread.beat(worker);
    expect(pragmasOf(db)).toMatchObject({
      journal_mode: "wal",
      synchronous: 1,
      wal_autocheckpoint: 0,
      busy_timeout: 50,
      cell_size_check: 1,
      checkpoint_fullfsync: name === "darwin" ? 1 : 0,
    });
    thread.close();
    await store.close();
  });
});

describe("the log", () => {
  const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);
  const pages = 10;
  const payload = new Uint8Array(pages * 4_096);

  /** The largest that the -wal file was after any of these commits. */
  async function appendAndMeasure(store: Store, from: number, commits: number): Promise<number> {
    const world = worldOn(store, false);
    let largest = 0;
    for (let n = from; n < from + commits; n += 1) {
      await world.log.append(id("wrun", 1), payloadFor(1, `key-${n}`, payload));
      largest = Math.max(largest, sizeOf(`${store.settings.file}-wal`));
    }
    return largest;
  }

  /** The bound, and the commit that crosses it. */
  const largestAllowed = (pagesMax + 2 * pages) * pageAndHeader;

  it("stays within its bound over many commits", async () => {
    const store = await Store.open(settingsFor(bench.file()));
    await worldOn(store, false).runs.create(eagerCreation(1, "token"));
    const largest = await appendAndMeasure(store, 0, 250);
    expect(sizeOf(store.settings.file)).toBeGreaterThan(2 * pagesMax * 4_096);
    expect(largest).toBeGreaterThan(pagesMax * 4_096 * 0.9);
    expect(largest).toBeLessThan(largestAllowed);
    await store.close();
    expect(sizeOf(`${store.settings.file}-wal`)).toBe(0);
  });

  it("L2: that killed processes leave is recovered by the next, and stays within its bound over them all", async () => {
    let store = await Store.open(settingsFor(bench.file()));
    await worldOn(store, false).runs.create(eagerCreation(1, "token"));
    let largest = 0;
    for (let generation = 0; generation < 4; generation += 1) {
      largest = Math.max(largest, await appendAndMeasure(store, generation * 60, 60));
      // What a kill leaves: both files as they are.
      const file = bench.file();
      copyFileSync(store.settings.file, file);
      copyFileSync(`${store.settings.file}-wal`, `${file}-wal`);
      await store.close();
      store = await Store.open(settingsFor(file));
      expect((await worldOn(store, false).runs.get(id("wrun", 1)))?.tail).toBe(3 + (generation + 1) * 60);
    }
    expect(sizeOf(store.settings.file)).toBeGreaterThan(2 * pagesMax * 4_096 * 0.9);
    expect(largest).toBeLessThan(largestAllowed);
    await store.close();
  });

  it("L2: of a process that was killed is copied into the main file when the next one closes the store", async () => {
    const file = bench.file();
    const first = await createLocalWorld({ path: file });
    await Promise.all(Array.from({ length: 20 }, (_, n) => first.runs.create(eagerCreation(n, `token-${n}`))));
    await first.close();
    const victim = startChild("append-loop", [file, "victim", "20", "100000"]);
    for (let n = 0; n < 60; n += 1) await victim.line();
    victim.process.kill("SIGKILL");
    expect(await victim.ended).toBe("SIGKILL");
    expect(sizeOf(`${file}-wal`)).toBeGreaterThan(0);
    const next = await createLocalWorld({ path: file });
    await next.runs.create(creation(20));
    await next.close();
    expect(sizeOf(`${file}-wal`)).toBe(0);
    const alone = bench.file();
    copyFileSync(file, alone);
    const copy = await bench.closing(createLocalWorld({ path: alone }));
    for (let n = 0; n < 3; n += 1) expect((await copy.runs.get(id("wrun", n)))?.tail).toBeGreaterThanOrEqual(3 + 2);
    expect((await copy.runs.get(id("wrun", 20)))?.tail).toBe(1);
  });
});
