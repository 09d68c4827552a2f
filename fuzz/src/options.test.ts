import { UsageError } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { parseOptions, usage } from "./options.ts";

describe("the command line", () => {
  test("says how many, from where, and with how many processes", () => {
    const options = parseOptions(["--executions", "1,000", "--seed", "7", "--workers", "2"]);
    expect(options).toEqual({ help: false, seed: 7, executions: 1_000, workers: 2, replay: null });
  });

  test("a million executions of a new seed are the default", () => {
    const { executions, seed } = parseOptions([]);
    expect(executions).toBe(1_000_000);
    expect(Number.isInteger(seed)).toBe(true);
  });

  test("a replay is one execution", () => {
    expect(parseOptions(["--replay", "7:1234"])).toMatchObject({ seed: 7, executions: 1, workers: 1, replay: 1_234 });
  });

  test.each([
    [["--executions", "0"], "--executions takes a whole number from 1"],
    [["--executions", "many"], 'was given "many"'],
    [["--seed", "-1"], "not understood"],
    [["--seed=-1"], "--seed takes a whole number from 0"],
    [["--workers", ""], "--workers takes a whole number from 1"],
    [["--replay", "7"], "such as 7:1234"],
    [["--replay", "7:x"], "such as 7:1234"],
    [["--seeds", "7"], "--seeds"],
    [["all"], "not understood"],
  ])("%j is refused with what would be right", (args, message) => {
    const parse = (): unknown => parseOptions(args);
    expect(parse).toThrow(message);
    try {
      parse();
    } catch (error) {
      expect(UsageError.is(error)).toBe(true);
    }
  });

  test("the usage names every option", () => {
    for (const option of ["--executions", "--seed", "--workers", "--replay", "--help"]) expect(usage).toContain(option);
  });
});
