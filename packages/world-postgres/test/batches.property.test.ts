/** Random calls for many runs at once, against the same calls made one by one to the world in memory. */
import type { AppendResult, LogEvent, NewDecision, World } from "@perdure/world";
import { createMemoryWorld } from "@perdure/world/memory";
import { describe, expect, it, vi } from "vitest";
import {
  cancellation,
  driverAppend,
  eagerCreation,
  hookCreated,
  hookDisposed,
  id,
  payloadFor,
  worker,
} from "./request-values.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();
const isLong = process.env["PERDURE_LONG"] === "1";
if (isLong) vi.setConfig({ testTimeout: 300_000 });

const runCount = 30;
const rounds = isLong ? 200 : 12;

/** Numbers from 0 to below 1 that follow from a seed. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Call = (world: World) => Promise<unknown>;

/** What is known of a run while calls for it are made up. */
interface Known {
  n: number;
  tail: number;
  last: Call | null;
}

/** A call for one run: mostly one that is admitted, now and then one that is stale, doubled or against the rules. */
function anyCall(run: number, known: Known, at: number, next: () => number): Call {
  const pick = Math.floor(next() * 12);
  const runId = id("wrun", run);
  const hook = 100 * run + Math.floor(next() * 4);
  const ownToken = `token-${run}-${Math.floor(next() * 4)}`;
  const driver = (decisions: readonly NewDecision[]): Call => {
    const stale = next() < 0.1;
    const request = driverAppend(known.n + 1, known.tail, {
      decisions,
      epoch: next() < 0.05 ? 2 : 1,
      ifTail: next() < 0.5 ? known.tail - (stale ? 1 : 0) : null,
    });
    known.n += 1;
    return (world) => world.log.append(runId, request);
  };
  if (pick < 4) return driver([hookCreated(hook, ownToken, at), hookCreated(hook + 50, `${ownToken}-b`, at)]);
  if (pick < 5) return driver([hookDisposed(hook, at)]);
  if (pick < 9) {
    const request = payloadFor(hook, `key-${Math.floor(next() * 20)}`, new Uint8Array([pick, run]));
    return (world) => world.log.append(runId, request);
  }
  if (pick === 9 && known.last !== null) return known.last;
  if (pick === 10 && next() < 0.3) {
    return driver([{ type: "run_completed", correlationId: null, at, cause: 2, data: {}, payload: null }]);
  }
  if (pick === 11 && next() < 0.3) return (world) => world.log.append(runId, cancellation());
  return driver([]);
}

/** All of an event but the moments that the clock of the store has given it. */
const shapeOf = ({ committedAt: _, at: __, ...rest }: LogEvent) => rest;

function shapeOfAnswer(answer: unknown): unknown {
  const result = answer as AppendResult;
  if (result.kind !== "appended" && result.kind !== "moved") return result;
  const { storeNow: _, events, ...rest } = result;
  return { ...rest, events: events.map(shapeOf) };
}

describe("batches of random calls", () => {
  it.each([1, 2, 3])("L1 L5: are answered and written as they are one by one (seed %i)", async (seed) => {
    const next = numbersFrom(seed);
    const url = await worlds.databases.create();
    const { world, store } = await worlds.open({ url });
    const { storeNow: at } = await world.describe();
    const memory = createMemoryWorld({ env: { now: () => at, setTimer: () => () => {} } });
    const write = vi.spyOn(store.database, "write");
    for (const each of [world, memory]) {
      await each.claims.heartbeat(worker);
      await Promise.all(Array.from({ length: runCount }, (_, n) => each.runs.create(eagerCreation(n, null, at))));
    }
    const runs = Array.from({ length: runCount }, (): Known => ({ n: 1, tail: 2, last: null }));
    let calls = 0;
    for (let round = 0; round < rounds; round += 1) {
      const chosen = runs.map((known, run) => ({ run, known })).filter(() => next() < 0.8);
      const made = chosen.map(({ run, known }) => ({ run, known, call: anyCall(run, known, at, next) }));
      calls += made.length;
      const answers = await Promise.all(made.map(({ call }) => call(world)));
      for (const [index, { run, known, call }] of made.entries()) {
        const expected = shapeOfAnswer(await call(memory));
        expect([round, run, shapeOfAnswer(answers[index])]).toEqual([round, run, expected]);
        known.last = call;
        known.tail = (await memory.runs.get(id("wrun", run)))?.tail ?? 0;
      }
    }
    expect(write.mock.calls.length).toBeLessThan(calls / 4);
    for (const [n] of runs.entries()) {
      const [log, expected] = await Promise.all(
        [world, memory].map((each) => each.log.read(id("wrun", n), { after: 0, limit: 10_000 })),
      );
      expect(log?.map(shapeOf)).toEqual(expected?.map(shapeOf));
    }
    await memory.close();
  });
});
