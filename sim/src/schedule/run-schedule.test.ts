import { describe, expect, it } from "vitest";
import { scheduleText } from "../report/schedule-text.ts";
import { shrinkSchedule } from "../shrink/shrink-schedule.ts";
import { runSchedule } from "./run-schedule.ts";

describe("a schedule", () => {
  it.each([3, 64, 130])("takes the same steps whenever it is run (seed %i)", async (seed) => {
    const first = await runSchedule({ seed }, true);
    const again = await runSchedule({ seed }, true);
    expect(again.lines).toEqual(first.lines);
    expect(again.traceHash).toBe(first.traceHash);
    expect((await runSchedule({ seed: seed + 1 })).traceHash).not.toBe(first.traceHash);
  });

  it("is told with its program, its timeline and the command that runs it again", async () => {
    const outcome = await runSchedule({ seed: 3, cuts: { runs: 1 } }, true);
    const text = scheduleText(outcome, { runs: 1 });
    expect(text).toContain('"use workflow"');
    expect(text).toMatch(/lanes: A = /);
    expect(text).toMatch(/ store append\.| append\./);
    expect(text).toContain(`pnpm sim --seed 3 --cuts '{"runs":1}'`);
  });

  it("is cut down to what still shows the thing that is looked for", async () => {
    const shows = async (seed: number): Promise<boolean> => isInteresting(await runSchedule({ seed }));
    let seed = 0;
    while (!(await shows(seed))) seed += 1;
    const shrunk = await shrinkSchedule(seed, { isRed: isInteresting, triesMax: 60 });
    expect(shrunk).not.toBe(null);
    if (shrunk === null) return;
    expect(isInteresting(shrunk.outcome)).toBe(true);
    const whole = await runSchedule({ seed });
    expect(shrunk.outcome.source.length).toBeLessThan(whole.source.length);
    expect(shrunk.outcome.plan.runs.length).toBeLessThanOrEqual(whole.plan.runs.length);
    expect((await runSchedule({ seed, cuts: shrunk.cuts })).traceHash).toBe(shrunk.outcome.traceHash);
  }, 120_000);
});

/** A stand-in for a violation: some step body was struck by a crash of its worker. */
const isInteresting = ({ coverage, bodies }: Awaited<ReturnType<typeof runSchedule>>): boolean =>
  bodies > 1 && (coverage.strikes["step:begin|crash"] ?? 0) > 0;
