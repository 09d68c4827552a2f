import { readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { StoreError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { createLocalWorld } from "@perdure/world-local";
import { describe, expect, it } from "vitest";
import { worldOn } from "../src/local-world.ts";
import { Store } from "../src/store.ts";
import { Bench } from "./bench.ts";
import { startChild } from "./children.ts";
import { creation, eagerCreation, id, payloadFor } from "./request-values.ts";

const bench = new Bench();

async function openStore(lockWaitMs = 10_000): Promise<{ readonly store: Store; readonly world: World }> {
  const file = bench.file();
  const store = await Store.open({ file, namespace: "default", now: Date.now, lockWaitMs, watch: false, pollMs: 100 });
  return { store, world: await bench.closing(worldOn(store, false)) };
}

async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error: unknown = await call.then(
    (value) => expect.fail(`expected an error, not ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!StoreError.is(error)) throw error;
  return error;
}

describe("a store that is locked by another process", () => {
  it("is waited for, and works once the lock is free", async () => {
    const { store, world } = await openStore();
    const child = startChild("hold-lock", [store.settings.file]);
    expect(await child.line()).toBe("locked");
    const created = world.runs.create(creation(1));
    const read = await world.runs.get(id("wrun", 1));
    child.process.stdin?.end();
    expect((await created).kind).toBe("created");
    expect(read).toBeNull();
    expect(await child.ended).toBe(0);
  });

  it("fails every waiting call after the bound, naming the file, and works again later", async () => {
    const { store, world } = await openStore(50);
    const child = startChild("hold-lock", [store.settings.file]);
    expect(await child.line()).toBe("locked");
    const errors = await Promise.all([1, 2, 3].map((n) => failure(world.runs.create(creation(n)))));
    for (const error of errors) {
      expect(error.code).toBe("STORE_LOCKED");
      expect(error.outcome).toBe("none");
      expect(error.message).toContain(store.settings.file);
      expect(error.message).toMatch(/for \d+ ms/);
    }
    child.process.stdin?.end();
    await child.ended;
    expect((await world.runs.create(creation(1))).kind).toBe("created");
  });

  it("cannot be opened until the lock is free", async () => {
    const { store, world } = await openStore();
    await world.close();
    const child = startChild("hold-lock", [store.settings.file]);
    expect(await child.line()).toBe("locked");
    const error = await failure(createLocalWorld({ path: store.settings.file, lockWaitMs: 50 }));
    expect(error.code).toBe("STORE_LOCKED");
    const opening = createLocalWorld({ path: store.settings.file });
    child.process.stdin?.end();
    await bench.closing(opening);
    await child.ended;
  });
});

describe("a full disk", () => {
  it("is told, loses nothing, and the store works again when there is room", async () => {
    const { store, world } = await openStore();
    await world.runs.create(eagerCreation(1, "token"));
    const { page_count: pages } = store.db.prepare("PRAGMA page_count").get() as { readonly page_count: number };
    store.db.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const large = new Uint8Array(100_000);
    const error = await failure(world.log.append(id("wrun", 1), payloadFor(1, "large", large)));
    expect(error.code).toBe("STORE_FULL");
    expect(error.outcome).toBe("none");
    expect((await world.log.append(id("wrun", 1), payloadFor(1, "small"))).kind).toBe("appended");
    store.db.exec("PRAGMA max_page_count = 4294967294");
    const result = await world.log.append(id("wrun", 1), payloadFor(1, "large", large));
    expect(result).toMatchObject({ kind: "appended", tail: 5 });
    const log = await world.log.read(id("wrun", 1), { after: 3, limit: 10 });
    expect(log.map(({ key, payload }) => [key, payload?.length])).toEqual([
      ["small", 1],
      ["large", large.length],
    ]);
  });

  it("fails only the write that does not fit, of those that share a commit", async () => {
    const { store, world } = await openStore();
    await world.runs.create(eagerCreation(1, "token"));
    const { page_count: pages } = store.db.prepare("PRAGMA page_count").get() as { readonly page_count: number };
    store.db.exec(`PRAGMA max_page_count = ${pages + 4}`);
    const sizes = [10, 100_000, 20];
    const results = await Promise.allSettled(
      sizes.map((size) => world.log.append(id("wrun", 1), payloadFor(1, `size-${size}`, new Uint8Array(size)))),
    );
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    const log = await world.log.read(id("wrun", 1), { after: 3, limit: 10 });
    expect(log.map(({ position, key }) => [position, key])).toEqual([
      [4, "size-10"],
      [5, "size-20"],
    ]);
  });
});

describe("a disk that fails", () => {
  // The larger limit lets the log be copied into the main file first, until that meets it too, which SQLite does not tell.
  it.each([
    ["in the log", 512, 2_000, 0],
    ["in the main file and then in the log", 12_000, 100_000, 4_000_000],
  ])(
    "%s makes the outcome unknown, and the store takes no more writes until it is opened again",
    async (_, blocks, bytes, copied) => {
      const { store, world } = await openStore();
      await world.runs.create(eagerCreation(0, "token"));
      await world.close();
      const child = startChild("append-until-failure", [store.settings.file, String(bytes)], { fileBlocks: blocks });
      const { acknowledged, first, second } = (await child.line()) as {
        readonly acknowledged: number;
        readonly first: { readonly code: string; readonly outcome: string };
        readonly second: { readonly code: string; readonly outcome: string };
      };
      await child.ended;
      expect(first).toEqual({ code: "STORE_UNAVAILABLE", outcome: "unknown" });
      expect(second).toEqual({ code: "STORE_UNAVAILABLE", outcome: "none" });
      expect(acknowledged).toBeGreaterThan(0);
      expect(statSync(store.settings.file).size).toBeGreaterThan(copied);
      const again = await bench.closing(createLocalWorld({ path: store.settings.file }));
      const log = await again.log.read(id("wrun", 0), { after: 3, limit: 10_000 });
      expect(log.length).toBeGreaterThanOrEqual(acknowledged);
      expect(log.map(({ key }) => key)).toEqual(log.map((_event, index) => `payload-${index}`));
    },
  );
});

describe("a store whose file is removed while it is open", () => {
  it.each(["", "-wal"])("L2: acknowledges nothing from then on, for store.db%s", async (suffix) => {
    const { store, world } = await openStore();
    await world.runs.create(creation(1));
    rmSync(`${store.settings.file}${suffix}`);
    const error = await failure(world.runs.create(creation(2)));
    expect([error.code, error.outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    expect(error.message).toContain("removed or replaced");
    const again = await failure(world.runs.create(creation(1)));
    expect([again.code, again.outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
  });

  it("L2: acknowledges nothing from then on when another file takes its place, and leaves that alone", async () => {
    const { store, world } = await openStore();
    await world.runs.create(creation(1));
    const other = await openStore();
    await other.world.runs.create(creation(2));
    await other.world.close();
    renameSync(other.store.settings.file, store.settings.file);
    const before = readFileSync(store.settings.file);
    const error = await failure(world.runs.create(creation(3)));
    expect([error.code, error.outcome]).toEqual(["STORE_UNAVAILABLE", "none"]);
    expect(readFileSync(store.settings.file)).toEqual(before);
  });
});

describe("a closed world", () => {
  it("answers what it accepted before, and refuses everything after", async () => {
    const { world } = await openStore();
    const accepted = Promise.all([1, 2, 3].map((n) => world.runs.create(creation(n))));
    const waiting = world.runs.create(creation(4)).then(() => world.runs.waitForEnd(id("wrun", 4), 60_000));
    waiting.catch(() => {});
    await world.runs.create(creation(5));
    await world.close();
    expect((await accepted).map(({ kind }) => kind)).toEqual(["created", "created", "created"]);
    expect((await failure(waiting)).code).toBe("STORE_CLOSED");
    const calls = [
      world.runs.create(creation(6)),
      world.runs.get(id("wrun", 1)),
      world.runs.list({ limit: 1 }),
      world.log.read(id("wrun", 1), { after: 0, limit: 1 }),
      world.log.append(id("wrun", 1), payloadFor(1, "key")),
      world.claims.poll("worker"),
      world.bundles.get("bundle"),
      world.describe(),
    ];
    for (const call of calls) expect((await failure(call)).code).toBe("STORE_CLOSED");
    await world.close();
  });
});
