/** The command line of the benchmarks. */
import { parseArgs } from "node:util";
import { UsageError } from "@perdure/errors";
import type { Scenario, Suite } from "./suite.ts";
import { scenarioNamed, suiteNamed, suites } from "./suites/catalogue.ts";

const list = (things: readonly { readonly name: string; readonly about: string }[]): string =>
  things.map(({ name, about }) => `  ${name.padEnd(19)} ${about}`).join("\n");

export const usage = `Usage: pnpm bench <suite> [options]

Suites:
${list(suites)}

Options:
  --json              one JSON object a line: {suite, scenario, n, unit, value, floor, ratio}
  --only <names>      these scenarios, separated by commas
  --rounds <count>    rounds of each figure (default 5); figures are medians over them
  --sizes <counts>    these sizes for every scenario, separated by commas
  --long              larger sizes too (100,000 runs)
  --profile           write CPU profiles of what is measured to bench/.perdure/profiles
  --directory <path>  where the files go, which decides the disk that is measured (default bench/.perdure)
  --help              this text

${suites.map((suite) => `Scenarios of ${suite.name}:\n${list(suite.scenarios)}\n`).join("\n")}`;

/** What the command line asks for. */
export interface BenchOptions {
  readonly suite: Suite;
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
  const [suiteName = "local", surplus] = positionals;
  const suite = suiteNamed(suiteName);
  if (surplus !== undefined) {
    throw new UsageError(`One suite is run at a time, and "${surplus}" is a second one.`, { hint: "See --help." });
  }
  const sizes = values.sizes === undefined ? null : values.sizes.split(",").map((text) => count("--sizes", text));
  const long = values.long === true;
  return {
    suite,
    scenarios:
      values.only === undefined ? suite.scenarios : values.only.split(",").map((name) => scenarioNamed(suite, name)),
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
