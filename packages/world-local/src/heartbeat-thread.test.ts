import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { WorkerInfo } from "@perdure/world";
import { afterEach, describe, expect, it } from "vitest";
import { creation, workflowId } from "../test/request-values.ts";
import { worldOn } from "./local-world.ts";
import { Store } from "./store.ts";

const worker: WorkerInfo = { id: "worker-a", leaseMs: 5_000, workflows: ["workflow//a"] };
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function openStore(now = Date.now): Promise<Store> {
  const directory = mkdtempSync(join(tmpdir(), "perdure-beat-"));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  const settings = { file: join(directory, "store.db"), namespace: "default", now, lockWaitMs: 1_000 };
  const store = await Store.open({ ...settings, watch: false, pollMs: 100 });
  cleanups.push(() => store.close());
  return store;
}

/** A thread that evaluates the source as a worker's thread does, and beats or closes when it is told to. */
function startThread(store: Store): { readonly beat: () => Promise<unknown>; readonly close: () => Promise<unknown> } {
  const spec = worldOn(store, false).claims.heartbeatThread(worker);
  if (spec === null) expect.fail("the local world beats from a thread");
  const main = `
    const { parentPort, workerData } = require("node:worker_threads");
    const module_ = { exports: {} };
    new Function("module", "require", workerData.source)(module_, require);
    const thread = module_.exports(workerData.data);
    parentPort.on("message", (message) => {
      try {
        if (message === "close") thread.close();
        else thread.beat(message);
        parentPort.postMessage("done");
      } catch (error) {
        parentPort.postMessage(String(error));
      }
    });`;
  const thread = new Worker(main, { eval: true, workerData: spec });
  cleanups.push(() => thread.terminate());
  const ask = (message: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      thread.once("message", resolve);
      thread.once("error", reject);
      thread.postMessage(message);
    });
  return { beat: () => ask(worker), close: () => ask("close") };
}

const beats = (store: Store): readonly unknown[] => store.db.prepare("SELECT * FROM workers").all();

describe("the heartbeat thread", () => {
  it("announces the worker and renews its beat", async () => {
    const store = await openStore();
    const thread = startThread(store);
    const before = Date.now();
    expect(await thread.beat()).toBe("done");
    const [row, another] = beats(store) as readonly { readonly beat_at: number }[];
    expect(row).toMatchObject({ id: "worker-a", lease_ms: 5_000, workflows: '["workflow//a"]' });
    expect(row?.beat_at).toBeGreaterThanOrEqual(before);
    expect(another).toBeUndefined();
    expect(await thread.beat()).toBe("done");
    expect(beats(store)).toHaveLength(1);
    expect(await thread.close()).toBe("done");
  });

  it("skips a beat that meets a lock, and beats again afterwards", async () => {
    const store = await openStore();
    const thread = startThread(store);
    store.db.exec("BEGIN IMMEDIATE");
    expect(await thread.beat()).toBe("done");
    store.db.exec("ROLLBACK");
    expect(beats(store)).toHaveLength(0);
    expect(await thread.beat()).toBe("done");
    expect(beats(store)).toHaveLength(1);
  });

  it("S3: keeps a claim alive that the event loop does not renew", async () => {
    const store = await openStore();
    const thread = startThread(store);
    const world = worldOn(store, false);
    await thread.beat();
    await world.runs.create(creation(1));
    const mine = { ...worker, workflows: [workflowId] };
    expect((await world.claims.claim({ worker: mine, max: 1 })).runs).toHaveLength(1);
    const rival = { ...mine, id: "worker-b" };
    expect((await world.claims.claim({ worker: rival, max: 1 })).runs).toEqual([]);
    store.db.exec("UPDATE workers SET beat_at = beat_at - 5001");
    await thread.beat();
    expect((await world.claims.claim({ worker: rival, max: 1 })).runs).toEqual([]);
    store.db.exec("UPDATE workers SET beat_at = beat_at - 5001");
    expect((await world.claims.claim({ worker: rival, max: 1 })).runs).toHaveLength(1);
  });

  it("copies a long log into the main file", async () => {
    const store = await openStore();
    const thread = startThread(store);
    store.db.exec("PRAGMA wal_autocheckpoint = 0; CREATE TABLE filler (bytes BLOB)");
    const before = statSync(store.settings.file).size;
    const fill = store.db.prepare("INSERT INTO filler VALUES (zeroblob(100000))");
    for (let n = 0; n < 60; n += 1) fill.run();
    expect(await thread.beat()).toBe("done");
    expect(statSync(store.settings.file).size).toBeGreaterThan(before + 60 * 90_000);
  });

  it("is left to the event loop when the world has a clock of its own", async () => {
    const store = await openStore();
    expect(worldOn(store, true).claims.heartbeatThread(worker)).toBeNull();
  });
});
