/**
 * Seeds that were red once, each by the defect that it is named after, and are again when the mend is taken back (the mutant of
 * the same name). They run here as they are, so that the schedule which found a defect is never lost.
 */
import { describe, expect, it } from "vitest";
import { runSchedule } from "./run-schedule.ts";

const pinned: readonly (readonly [defect: string, seed: number])[] = [
  ["old prefix taken for the log", 29],
  ["retry due waits in a busy loop", 525],
  ["lost claims never given back", 7],
  ["estimate over the wall clock", 31],
  ["double claims never given back", 7],
  ["run without its bundle kept when it moved", 17_330],
];

describe("seeds that were red once", () => {
  it.each(pinned)("%s (seed %i)", async (_defect, seed) => {
    const { violations } = await runSchedule({ seed });
    expect(violations).toEqual([]);
  });
});
