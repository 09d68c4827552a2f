import { UsageError } from "@perdure/errors";
import { expect, test } from "vitest";
import { parseOptions, usage } from "./options.ts";
import { suites } from "./suites/catalogue.ts";
import { localSuite } from "./suites/local.ts";

test("without options every scenario runs with its own sizes, five rounds each", () => {
  const options = parseOptions(["local"]);
  expect(options).toMatchObject({
    suite: localSuite,
    json: false,
    help: false,
    profile: false,
    rounds: 5,
    directory: null,
  });
  expect(options.scenarios).toBe(localSuite.scenarios);
  for (const scenario of localSuite.scenarios) expect(options.sizesOf(scenario)).toEqual(scenario.sizes);
});

test("--long adds sizes, --sizes replaces them", () => {
  const [first] = parseOptions(["local", "--only", "memory_resident"]).scenarios;
  if (first === undefined) throw new Error("no scenario");
  expect(parseOptions(["local", "--long"]).sizesOf(first)).toEqual([1_000, 100_000]);
  expect(parseOptions(["local", "--long", "--sizes", "3,4"]).sizesOf(first)).toEqual([3, 4]);
});

test("--only takes several names", () => {
  const { scenarios } = parseOptions(["local", "--only", "guard,sequential"]);
  expect(scenarios.map(({ name }) => name)).toEqual(["guard", "sequential"]);
});

test.each([
  [["lokal"], 'There is no suite "lokal".', 'Did you mean "local"?'],
  [["mine"], 'There is no suite "mine".', "The suites are local, postgres."],
  [["local", "postgres"], 'One suite is run at a time, and "postgres" is a second one.', "See --help."],
  [["local", "--only", "no_steps"], 'The suite local has no scenario "no_steps"', "It has: sequential"],
  [["local", "--only", "sequental"], 'has no scenario "sequental"', 'Did you mean "sequential"?'],
  [["local", "--only", ""], 'has no scenario ""', "It has: sequential"],
  [["local", "--rounds", "0"], '--rounds takes whole numbers from 1, and was given "0"', "See --help."],
  [["local", "--sizes", "10,ten"], '--sizes takes whole numbers from 1, and was given "ten"', "See --help."],
  [["local", "--fast"], "The command line is not understood: Unknown option '--fast'", "See --help."],
])("%j is refused by name", (args, message, hint) => {
  const attempt = (): unknown => parseOptions(args);
  expect(attempt).toThrow(UsageError);
  expect(attempt).toThrow(message);
  expect(attempt).toThrow(hint);
});

test("the help names every scenario", () => {
  for (const { name } of suites.flatMap(({ scenarios }) => scenarios)) expect(usage).toContain(`  ${name} `);
  expect(parseOptions(["--help"]).help).toBe(true);
});
