import { describe, expect, it } from "vitest";
import { given, type History, payloadOf, realmFor } from "../replay/history.testing.ts";
import { HydrationMemo, type HydrationSource } from "./hydration-memo.ts";

const event = (value: unknown, position = 5, type = "step_completed"): HydrationSource => ({
  position,
  type,
  payload: payloadOf(value),
});

describe("HydrationMemo", () => {
  it.each([undefined, null, true, 0, -0, 1.5, "text", 10n])("keeps the primitive result %s, undefined too", (value) => {
    const memo = new HydrationMemo();
    const first = memo.hydrate(event(value));
    const second = memo.hydrate(event(value));
    expect(first).toEqual({ kind: "primitive", value });
    expect(second).toEqual(first);
    expect([memo.hydrations, memo.hits, memo.preparations]).toEqual([1, 1, 1]);
  });

  it("gives objects as text to be parsed each time, prepared once", () => {
    const memo = new HydrationMemo();
    const all = [memo.hydrate(event({ a: 1 })), memo.hydrate(event({ a: 1 }))];
    for (const hydrated of all) expect(hydrated).toMatchObject({ kind: "text", blobs: [] });
    expect([memo.hydrations, memo.hits, memo.preparations]).toEqual([2, 0, 1]);
  });

  it.each([
    ["a string at the bound", "x".repeat(4096), 1],
    ["a string beyond it", "x".repeat(4097), 0],
    ["a bigint at the bound", BigInt("9".repeat(4096)), 1],
    ["a bigint beyond it", BigInt("9".repeat(4097)), 0],
  ])("%s", (_name, value, kept) => {
    const memo = new HydrationMemo();
    memo.hydrate(event(value));
    expect(memo.hydrate(event(value))).toEqual({ kind: "primitive", value });
    expect([memo.valueCount, memo.hits]).toEqual([kept, kept]);
  });

  it.each(["hook_received", "run_created", "step_failed"])("keeps no value of %s", (type) => {
    const memo = new HydrationMemo();
    memo.hydrate(event(1, 5, type));
    expect(memo.hydrate(event(1, 5, type))).toEqual({ kind: "primitive", value: 1 });
    expect([memo.valueCount, memo.hydrations, memo.hits]).toEqual([0, 0, 0]);
  });

  it("never keeps a preparation that failed", () => {
    let calls = 0;
    const memo = new HydrationMemo({
      prepare: () => {
        calls += 1;
        if (calls === 1) throw new TypeError("the key is not there yet");
        return { text: "[7]", blobs: [] };
      },
    });
    expect(() => memo.hydrate(event(0))).toThrow("the key is not there yet");
    expect(memo.hydrate(event(0))).toEqual({ kind: "primitive", value: 7 });
  });

  it("keeps prepared plaintext up to its bound", () => {
    const memo = new HydrationMemo({ plaintextBytesMax: 100 });
    for (let position = 1; position <= 5; position++) memo.hydrate(event(["x".repeat(40)], position));
    expect(memo.plaintextBytes).toBeLessThanOrEqual(100);
    expect(memo.plaintextBytes).toBeGreaterThan(40);
    memo.hydrate(event(["x".repeat(40)], 1));
    memo.hydrate(event(["x".repeat(40)], 5));
    expect(memo.preparations).toBe(6);
  });

  it("keeps nothing of a fact that is not in the log until it is", () => {
    const memo = new HydrationMemo();
    const speculative = memo.hydrateOnce(event(1));
    expect(memo.valueCount).toBe(0);
    memo.hydrate(event(2));
    expect(memo.hydrate(event(2))).toEqual({ kind: "primitive", value: 2 });
    memo.keep(event(1, 6), speculative);
    expect(memo.hydrate(event(1, 6))).toEqual({ kind: "primitive", value: 1 });
    expect(memo.hydrations).toBe(2);
  });
});

/** What the replay mode does: every turn builds a new execution, replays the log and takes the next fact. */
function replayMode(run: History, steps: number, memo: HydrationMemo): void {
  const realm = realmFor(run.bundle);
  const log = run.log.slice(1);
  for (let step = 1; step <= steps; step++) {
    const execution = run.openExecution(realm, { memo });
    const facts = log.findIndex((one, index) => one.type === "step_completed" && count(log, index) === step);
    expect(execution.consume(log.slice(0, facts + 1))).toBeNull();
  }
}

const count = (log: History["log"], index: number): number =>
  log.slice(0, index + 1).filter((event) => event.type === "step_completed").length;

function sequential(steps: number, result: unknown): History {
  const run = given(
    `async (n) => { let last; for (let index = 0; index < n; index++) last = await step("s")(index); return last; }`,
  ).start(steps);
  for (let step = 1; step <= steps; step++) run.completes(`s#${step}`, result);
  return run;
}

describe.each([10, 100])("%i sequential steps in replay mode", (steps) => {
  it("hydrate each primitive result once with the memo", () => {
    const memo = new HydrationMemo();
    replayMode(sequential(steps, 1), steps, memo);
    expect(memo.hydrations).toBe(steps);
    expect(memo.hits).toBe((steps * (steps - 1)) / 2);
  });

  it("hydrate n(n+1)/2 without it", () => {
    const memo = new HydrationMemo({ valueTier: false, plaintextBytesMax: 0 });
    replayMode(sequential(steps, 1), steps, memo);
    expect(memo.hydrations).toBe((steps * (steps + 1)) / 2);
  });
});

describe("a memo shared by replays", () => {
  it("gives a fresh object to each, so that a mutation does not leak", () => {
    const run = given(
      `async () => { const value = await step("a")(); value.count += 1; await step("b")(value); return value.count; }`,
    ).start();
    run.completes("a#1", { count: 1 }).completes("b#1", 0).replaysEqually();
    expect(run.result()).toBe(2);
  });
});
