import { admitCreate, admitOutsideAppend, fold, type LogEvent, RunView } from "@perdure/world";
import { describe, expect, it } from "vitest";
import { creation, eagerCreation, id, payloadFor } from "../test/request-values.ts";
import { RunCache } from "./run-cache.ts";
import type { VersionedRun } from "./run-rows.ts";

const context = { storeNow: 1_000, tokenOwner: () => null };

/** A run with an open hook, as it was created, and its log. */
function startedRun(n: number): { readonly stored: VersionedRun; readonly log: LogEvent[] } {
  const verdict = admitCreate(eagerCreation(n, `token-${n}`, 1_000), "default", context);
  if (verdict.kind !== "admitted") return expect.fail("a first turn is admitted");
  return { stored: { run: verdict.run, version: 1 }, log: [...verdict.events] };
}

/** Reads of a log, with the ranges that were asked for. */
function reader(log: readonly LogEvent[]) {
  const asked: (readonly [number, number])[] = [];
  const read = async (after: number, last: number) => {
    asked.push([after, last]);
    return log.filter(({ position }) => position > after && position <= last);
  };
  return { asked, read };
}

function payload({ stored, log }: ReturnType<typeof startedRun>, key: string) {
  const request = payloadFor(1, key);
  const verdict = admitOutsideAppend(stored.run, fold(log), request, { ...context, writtenBefore: null });
  if (verdict.kind !== "admitted") return expect.fail("a payload is admitted");
  log.push(...verdict.events);
  return verdict;
}

describe("the cache of runs", () => {
  it("folds a log once, and then only what is missing", async () => {
    const cache = new RunCache();
    const started = startedRun(1);
    cache.remember(started.stored);
    const { asked, read } = reader(started.log);
    const view = await cache.viewOf(started.stored, read);
    expect(await cache.viewOf(started.stored, read)).toBe(view);
    const { run } = payload(started, "first");
    const moved = { run, version: 2 };
    cache.remember(moved);
    expect(await cache.viewOf(moved, reader(started.log).read)).toBe(view);
    expect([asked, view.tail, view.entityOf("hook", id("hook", 1))?.received]).toEqual([[[0, 3]], 4, 1]);
    expect(cache.size).toEqual({ entries: 1, foldedEvents: 4 });
  });

  it("C1: keeps the newer of two rows", () => {
    const cache = new RunCache();
    const started = startedRun(1);
    const { run } = payload(started, "first");
    cache.remember({ run, version: 2 });
    cache.remember(started.stored);
    expect(cache.get(run.runId)).toEqual({ run, version: 2 });
  });

  it("C3: judges by nothing after a lost connection, and keeps what was acknowledged to compare with", async () => {
    const cache = new RunCache();
    const started = startedRun(1);
    const { run } = started.stored;
    cache.remember({ run, version: 3 });
    await cache.viewOf({ run, version: 3 }, reader(started.log).read);
    cache.distrust();
    expect([cache.get(run.runId), cache.heldView(run), cache.tailOf(run.runId)]).toEqual([null, null, null]);
    expect(cache.size).toEqual({ entries: 1, foldedEvents: 0 });
    const acknowledged = { runId: run.runId, version: 3, createdAt: run.createdAt, isLive: true };
    expect(cache.acknowledged(run.runId)).toEqual(acknowledged);
    expect(cache.acknowledgedLast(5)).toEqual([acknowledged]);
    cache.remember(started.stored);
    expect(cache.get(run.runId)).toEqual(started.stored);
  });

  it("C2: absorbs an append that it was judged against, and no other", async () => {
    const cache = new RunCache();
    const started = startedRun(1);
    const { stored, log } = started;
    cache.remember(stored);
    const view = await cache.viewOf(stored, reader(log).read);
    const request = payloadFor(1, "first");
    const verdict = admitOutsideAppend(stored.run, view, request, { ...context, writtenBefore: null });
    if (verdict.kind !== "admitted") expect.fail("a payload is admitted");
    // Whoever reads the log sees the event before its writer has its answer.
    cache.observe(stored.run.runId, 3, verdict.events);
    expect(cache.isOutrun(stored.run.runId)).toBe(true);
    cache.advance(verdict, 2, view);
    expect([view.tail, view.entityOf("hook", id("hook", 1))?.received]).toEqual([4, 1]);
    expect(cache.isOutrun(stored.run.runId)).toBe(false);
    expect(cache.size.foldedEvents).toBe(4);
  });

  it("folds anew what is ahead of the row: the store was set back", async () => {
    const cache = new RunCache();
    const started = startedRun(1);
    const { stored } = started;
    const { events } = payload(started, "lost");
    cache.remember(stored);
    cache.observe(stored.run.runId, 0, started.log);
    expect(events).toHaveLength(1);
    const view = await cache.viewOf(stored, reader(started.log).read);
    expect([view.tail, view.entityOf("hook", id("hook", 1))?.received]).toEqual([3, 0]);
  });

  it("takes along what others read, if it follows what is folded", () => {
    const cache = new RunCache();
    const { stored, log } = startedRun(1);
    cache.observe(stored.run.runId, 0, log);
    expect(cache.size).toEqual({ entries: 0, foldedEvents: 0 });
    cache.remember(stored);
    cache.observe(stored.run.runId, 1, log.slice(1));
    expect(cache.heldView(stored.run)).toBeNull();
    cache.observe(stored.run.runId, 0, log);
    expect(cache.heldView(stored.run)?.tail).toBe(3);
  });

  it("keeps within its bounds, the least recently used going first", () => {
    const cache = new RunCache({ entries: 10, foldedEvents: 1_000 });
    for (let n = 0; n < 10; n += 1) cache.remember(startedRun(n).stored, RunView.empty());
    cache.get(id("wrun", 0));
    cache.remember(startedRun(10).stored);
    expect(cache.size.entries).toBe(9);
    expect([0, 1, 2, 3].map((n) => cache.get(id("wrun", n)) !== null)).toEqual([true, false, false, true]);
  });

  it("keeps no more folded events than its bound", async () => {
    const cache = new RunCache({ entries: 100, foldedEvents: 10 });
    for (let n = 0; n < 8; n += 1) {
      const { stored, log } = startedRun(n);
      cache.remember(stored);
      await cache.viewOf(stored, reader(log).read);
      expect(cache.size.foldedEvents).toBeLessThanOrEqual(10);
    }
  });

  it("needs no fold of a run that has ended", async () => {
    const cache = new RunCache();
    const pending = admitCreate(creation(1), "default", context);
    if (pending.kind !== "admitted") expect.fail("a creation is admitted");
    const ended = { run: { ...pending.run, status: "cancelled" as const }, version: 3 };
    const { asked, read } = reader([]);
    expect((await cache.viewOf(ended, read)).tail).toBe(0);
    expect(asked).toEqual([]);
  });
});
