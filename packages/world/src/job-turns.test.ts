import { describe, expect, it } from "vitest";
import { JobTurns, sharedOut } from "./job-turns.ts";

describe("the turns of a claim", () => {
  it("are half of the jobs that it takes, and of one job every other time", () => {
    const turns = new JobTurns<number>();
    expect([10, 10, 1, 1, 1, 5, 5].map((max) => turns.next(max).runs)).toEqual([5, 5, 1, 0, 1, 2, 3]);
  });

  it("go on behind the last run that had one, and begin anew behind the last run", () => {
    const turns = new JobTurns<string>();
    expect(turns.next(4).after).toBeNull();
    turns.had("b");
    expect(turns.next(4).after).toBe("b");
    turns.had(null);
    expect(turns.next(4).after).toBeNull();
  });
});

describe("what a claim takes", () => {
  const longest = [1, 2, 3, 4, 5, 6];
  const share = (inTurn: readonly number[], runs: number, max: number): readonly number[] =>
    sharedOut(longest, inTurn, { runs, max }, String);

  it("is half of the longest ready, then those of runs in turn, none of them twice", () => {
    expect(share([7, 8, 9], 3, 6)).toEqual([1, 2, 3, 7, 8, 9]);
    expect(share([2, 7, 1], 3, 6)).toEqual([1, 2, 3, 7, 4, 5]);
  });

  it("is never less than it could be, and never more than was asked for", () => {
    expect(share([], 3, 6)).toEqual(longest);
    expect(share([1, 2], 3, 6)).toEqual(longest);
    expect(share([7, 8, 9, 10, 11], 3, 4)).toEqual([1, 7, 8, 9]);
    expect(share([7], 1, 1)).toEqual([7]);
    expect(share([], 0, 0)).toEqual([]);
  });
});
