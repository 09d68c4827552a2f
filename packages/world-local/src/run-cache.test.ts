import { join } from "node:path";
import { RunView } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { Bench } from "../test/bench.ts";
import { cancellation, eagerCreation, id, payloadFor } from "../test/request-values.ts";
import { createLocalWorld, worldOn } from "./local-world.ts";
import { RunCache } from "./run-cache.ts";
import { Store } from "./store.ts";

const bench = new Bench();

async function openStore(): Promise<Store> {
  const file = join(bench.directory(), "store.db");
  const settings = { file, namespace: "default", now: Date.now, lockWaitMs: 1_000, watch: false, pollMs: 100 };
  const store = await Store.open(settings);
  const world = await bench.closing(worldOn(store, false));
  for (let n = 0; n < 4; n += 1) {
    await world.runs.create(eagerCreation(n, `token-${n}`));
    await world.log.append(id("wrun", n), payloadFor(n, "first"));
  }
  return store;
}

describe("the cache of runs", () => {
  it("folds a log once and then only what is missing", async () => {
    const store = await openStore();
    const cache = new RunCache(store.runs, store.events);
    const entry = cache.get(id("wrun", 1));
    if (entry === null) expect.fail("the run exists");
    const view = cache.viewOf(entry);
    expect([view.tail, view.entityOf("hook", id("hook", 1))?.received]).toEqual([4, 1]);
    const other = await bench.closing(createLocalWorld({ path: store.settings.file }));
    await other.log.append(id("wrun", 1), payloadFor(1, "second"));
    expect(cache.get(id("wrun", 1))?.run.tail).toBe(4);
    cache.nextGeneration();
    const again = cache.get(id("wrun", 1));
    if (again === null) expect.fail("the run exists");
    expect(cache.viewOf(again)).toBe(view);
    expect([view.tail, view.entityOf("hook", id("hook", 1))?.received]).toEqual([5, 2]);
    expect(cache.size).toEqual({ entries: 1, foldedEvents: 5 });
  });

  it("forgets the least recently used beyond each bound", async () => {
    const store = await openStore();
    const byEntries = new RunCache(store.runs, store.events, { entries: 2, foldedEvents: 1_000 });
    for (const n of [0, 1, 0, 2]) byEntries.get(id("wrun", n));
    expect(byEntries.size.entries).toBe(2);
    const byEvents = new RunCache(store.runs, store.events, { entries: 1_000, foldedEvents: 9 });
    for (const n of [0, 1, 2]) {
      const entry = byEvents.get(id("wrun", n));
      if (entry !== null) byEvents.viewOf(entry);
    }
    expect(byEvents.size).toEqual({ entries: 2, foldedEvents: 8 });
  });

  it("keeps no fold of a run that has ended", async () => {
    const store = await openStore();
    const world = worldOn(store, false);
    const before = store.cache.size.foldedEvents;
    await world.log.append(id("wrun", 1), cancellation());
    expect(store.cache.size.foldedEvents).toBe(before - 4);
    const entry = store.cache.get(id("wrun", 1));
    expect(entry !== null && store.cache.viewOf(entry)).toEqual(RunView.empty());
  });

  it("does not know a run that does not exist", async () => {
    const store = await openStore();
    expect(new RunCache(store.runs, store.events).get("wrun_unknown")).toBeNull();
  });
});
