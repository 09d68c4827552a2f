import { UsageError } from "@perdure/errors";
import { describe, expect, it } from "vitest";
import { parseCommand } from "./options.ts";

describe("the command line", () => {
  it.each([
    [[], { kind: "campaign", from: 0, count: 2_000, workers: undefined, json: false, docs: false }],
    [
      ["--seeds", "1,000,000", "--from", "7", "--workers", "1", "--json"],
      { kind: "campaign", from: 7, count: 1_000_000, workers: 1, json: true, docs: false },
    ],
    [["--seed", "12"], { kind: "schedule", seed: 12, cuts: {}, shrinks: true }],
    [["--seed", "12", "--whole"], { kind: "schedule", seed: 12, cuts: {}, shrinks: false }],
    [
      ["--seed", "12", "--cuts", '{"runs":1,"program":[3]}'],
      { kind: "schedule", seed: 12, cuts: { runs: 1, program: [3] }, shrinks: false },
    ],
    [["--mutants"], { kind: "mutants", names: [], count: 20_000, workers: undefined, json: false, docs: false }],
    [
      ["--mutants", "no fence", "--seeds", "50"],
      { kind: "mutants", names: ["no fence"], count: 50, workers: undefined, json: false, docs: false },
    ],
    [["--help"], { kind: "help" }],
  ])("%j", (args, command) => {
    expect(parseCommand(args)).toEqual(command);
  });

  it.each([[["--seeds", "many"]], [["--seeds", "0"]], [["--sed", "1"]], [["fast"]], [["--seed", "1", "--cuts", "{"]]])(
    "refuses %j and says how it is used",
    (args) => {
      expect(() => parseCommand(args)).toThrow(UsageError);
      try {
        parseCommand(args);
      } catch (error) {
        expect((error as UsageError).hint).toContain("pnpm sim [options]");
      }
    },
  );
});
