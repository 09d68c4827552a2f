/** The command line of the benchmarks. */
import { parseArgs } from "node:util";
import { nearestName, UsageError } from "@perdure/errors";
import { localScenario, localScenarios, type Scenario } from "./suites/local/catalogue.ts";

export const usage = `Usage: pnpm bench <suite> [options]

Suites:
  local               the embedded world: one SQLite file

Options:
  --json              one JSON object a line: {suite, scenario, n, unit, value, floor, ratio}
  --only <names>      these scenarios, separated by commas
  --rounds <count>    rounds of each figure (default 5); figures are medians over them
  --sizes <counts>    these sizes for every scenario, separated by commas
  --long              larger sizes too (100,000 runs)
  --profile           write CPU profiles of what is measured to bench/.perdure/profiles
  --directory <path>  where the files go, which decides the disk that is measured (default bench/.perdure)
  --help              this text

Scenarios of local:
${localScenarios.map(({ name, about }) => `  ${name.padEnd(19)} ${about}`).join("\n")}
`;

/** What the command line asks for. */
export interface BenchOptions {
  readonly suite: "local";
  readonly scenarios: readonly Scenario[];
  readonly json: boolean;
  readonly help: boolean;
  readonly profile: boolean;
  readonly rounds: number;
  /** Null: the default directory. */
  readonly directory: string | null;
  /** The sizes that a scenario is run with. */
  readonly sizesOf: (scenario: Scenario) => readonly number[];
}

const roundsDefault = 5;

/** Reads the command line. Throws `UsageError` when it does not say what to do. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  const help = values.help === true;
  const [suite = "local", surplus] = positionals;
  if (suite !== "local" || surplus !== undefined) throw unknownSuite(suite === "local" ? (surplus ?? "") : suite);
  const sizes = values.sizes === undefined ? null : values.sizes.split(",").map((text) => count("--sizes", text));
  const long = values.long === true;
  return {
    suite,
    scenarios: values.only === undefined ? localScenarios : values.only.split(",").map(localScenario),
    json: values.json === true,
    help,
    profile: values.profile === true,
    rounds: values.rounds === undefined ? roundsDefault : count("--rounds", values.rounds),
    directory: values.directory ?? null,
    sizesOf: (scenario) => sizes ?? (long ? [...scenario.sizes, ...scenario.longSizes] : scenario.sizes),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        only: { type: "string" },
        rounds: { type: "string" },
        sizes: { type: "string" },
        long: { type: "boolean" },
        profile: { type: "boolean" },
        directory: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    const reason = cause instanceof TypeError ? cause.message : "It could not be read.";
    throw new UsageError(`The command line is not understood: ${reason}`, { hint: "See --help.", cause });
  }
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new UsageError(`${option} takes whole numbers from 1, and was given "${text}".`, { hint: "See --help." });
}

function unknownSuite(name: string): UsageError {
  const nearest = nearestName(name, ["local"]);
  return new UsageError(`There is no suite "${name}".`, {
    hint: nearest === null ? "The suite is local." : `Did you mean "${nearest}"?`,
  });
}
