/** How often recorded results are hydrated by a whole engine, with the memo and without. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { HydrationMemo } from "../hydrate/hydration-memo.ts";
import { ExecutionFactory } from "./execution-factory.ts";
import { Harness, program } from "./harness.testing.ts";

const sequential = `async (n) => { const add = step("add"); let sum = 0; for (let i = 0; i < n; i++) sum = await add(sum, 1); return sum; }`;
const steps = { add: (a: number, b: number) => a + b };

afterEach(() => {
  vi.restoreAllMocks();
});

/** The hydrations of runs of n steps in one worker; each run has a memo of its own. */
async function hydrations(mode: "resident" | "replay", n: number, isMemoOn: boolean, runs = 1): Promise<number> {
  const memos: HydrationMemo[] = [];
  vi.spyOn(ExecutionFactory.prototype, "newMemo").mockImplementation(() => {
    const memo = new HydrationMemo(isMemoOn ? {} : { valueTier: false, plaintextBytesMax: 0 });
    memos.push(memo);
    return memo;
  });
  const harness = new Harness({ mode });
  const worker = await harness.worker();
  const bundle = program(sequential, steps);
  const runIds = await Promise.all(Array.from({ length: runs }, () => harness.start(worker, bundle, [n])));
  for (const runId of runIds) expect(await harness.result(runId)).toBe(n);
  expect(memos).toHaveLength(runs);
  return memos.reduce((sum, memo) => sum + memo.hydrations, 0);
}

describe.each([10, 100])("%i sequential steps with primitive results", (n) => {
  it("are hydrated n times in replay mode with the memo, and n(n+1)/2 times without", async () => {
    expect(await hydrations("replay", n, true)).toBe(n);
    expect(await hydrations("replay", n, false)).toBe((n * (n + 1)) / 2);
  });

  it("are hydrated n times in resident mode in either case", async () => {
    expect(await hydrations("resident", n, true)).toBe(n);
    expect(await hydrations("resident", n, false)).toBe(n);
  });
});

it("two runs share nothing: each hydrates its own results", async () => {
  expect(await hydrations("replay", 10, true, 2)).toBe(20);
});
