import { describe, expect, it } from "vitest";
import { addSummaries, emptySummary, type Summary } from "../campaign/summary.ts";
import { epoch } from "../kernel/scheduler.ts";
import { campaignJson, campaignText, isGreen } from "./campaign-text.ts";
import { withBlock } from "./docs-block.ts";
import { timeline } from "./timeline.ts";

const violation = { invariant: "S2", runId: "wrun_1", message: "a step was started again", afterMs: 5 };

const half: Summary = {
  ...emptySummary,
  schedules: 10_000,
  replays: 7,
  kinds: { step: 2, sleep: 1 },
  coverage: { hits: { timer: 60 }, strikes: { "timer|crash": 4, "timer|pause": 9 } },
};

describe("figures of a campaign", () => {
  it("add up over processes, and name what was reached too seldom for their number", () => {
    const sum = addSummaries(half, half);
    expect(sum).toMatchObject({ schedules: 20_000, replays: 14, kinds: { step: 4, sleep: 2 } });
    const json = JSON.parse(campaignJson(sum)) as { faults: number; violations: number; unhitProbes: string[] };
    expect(json).toMatchObject({ schedules: 20_000, faults: 26, violations: 0 });
    expect(json.unhitProbes).toContain("timer|crash");
    expect(json.unhitProbes).not.toContain("timer|pause");
    expect(json.unhitProbes).not.toContain("timer");
    expect(json.unhitProbes).toContain("hint");
  });

  it("say of a red schedule what it broke and how to run it again", () => {
    const red = { ...half, red: [{ seed: 4711, violations: [violation] }] };
    expect(isGreen(red)).toBe(false);
    const text = campaignText(red, 10);
    expect(text).toContain("seed 4711: S2: a step was started again");
    expect(text).toContain("pnpm sim --seed 4711");
    expect(isGreen({ ...half, unrepeatable: [3] })).toBe(false);
    expect(isGreen(half)).toBe(true);
  });

  it("stand in the page between their markers", () => {
    const page = "a\n<!-- campaign -->\nold\n<!-- /campaign -->\nb\n";
    expect(withBlock(page, "campaign", "new")).toBe(
      "a\n<!-- campaign -->\n\n```text\nnew\n```\n\n<!-- /campaign -->\nb\n",
    );
    expect(() => withBlock(page, "mutants", "new")).toThrow(/no block mutants/);
  });
});

it("a timeline has a lane for each participant, and leaves routine out", () => {
  const at = (ms: number): number => epoch + ms;
  const text = timeline([
    { at: at(1), who: "store", what: "heartbeat of worker-1" },
    { at: at(2), who: "store", what: "append.facts of worker-1" },
    { at: at(30), who: "worker-1", what: "body work step_1 attempt 1 delivery 1" },
    { at: at(31), who: "client-1", what: "! crash at find:sent" },
  ]);
  expect(text.split("\n")).toEqual([
    "lanes: A = store, B = worker-1",
    "        2  A |  append.facts of worker-1",
    "       30  | B  body work step_1 attempt 1 delivery 1",
    "       31  | |  client-1: ! crash at find:sent",
  ]);
});
