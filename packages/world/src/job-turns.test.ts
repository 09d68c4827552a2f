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
  const share = (longest: string, inTurn: string, runs: number, max: number): string =>
    sharedOut([...longest], [...inTurn], { runs, max }, (job) => job).join("");

  it("is half of the longest ready, then those of runs in turn, none of them twice", () => {
    expect(share("abcdef", "xyz", 3, 6)).toBe("abcxyz");
    expect(share("abcdef", "bxa", 3, 6)).toBe("abcxde");
  });

  it("is never less than it could be, and never more than was asked for", () => {
    expect(share("abcdef", "", 3, 6)).toBe("abcdef");
    expect(share("abcdef", "ab", 3, 6)).toBe("abcdef");
    expect(share("abcdef", "vwxyz", 3, 4)).toBe("avwx");
    expect(share("a", "x", 1, 1)).toBe("x");
    expect(share("", "", 0, 0)).toBe("");
  });
});
