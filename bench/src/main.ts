/**
 * `pnpm bench local`: every scenario in a process of its own, its figures beside their floors.
 *
 * Exits with 0 whether goals are kept or not, because a figure depends on the machine; with 1 when a scenario fails, and
 * with 2 when the command line is not understood.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { PerdureError, UsageError } from "@perdure/errors";
import { type BenchOptions, parseOptions, usage } from "./options.ts";
import { jsonLine, table } from "./report.ts";
import type { Row } from "./row.ts";
import { benchFolder, forkScenario } from "./scenario-fork.ts";
import type { Scenario } from "./suites/local/catalogue.ts";

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const rows: Row[] = [];
  for (const scenario of options.scenarios) {
    await runScenario(scenario, options, (row) => {
      rows.push(row);
      if (options.json) console.log(jsonLine(row));
    });
  }
  if (!options.json) console.log(table(rows));
  return 0;
}

async function runScenario(scenario: Scenario, options: BenchOptions, onRow: (row: Row) => void): Promise<void> {
  const sizes = options.sizesOf(scenario);
  const groups = scenario.processPerSize ? sizes.map((size) => [size]) : [sizes];
  for (const group of groups) {
    process.stderr.write(`${scenario.name} (n = ${group.join(", ")}): ${scenario.about}\n`);
    await inDirectory(options, async (directory) => {
      const order = {
        scenario: scenario.name,
        sizes: group,
        rounds: options.rounds,
        directory,
        profiles: options.profile ? join(benchFolder, ".perdure", "profiles") : null,
        part: null,
      };
      await forkScenario(order, (message) => {
        if ("measurement" in message) onRow({ suite: options.suite, ...message.measurement });
      });
    });
  }
}

/** A directory of its own for the files of a scenario, removed afterwards. */
async function inDirectory(options: BenchOptions, work: (directory: string) => Promise<void>): Promise<void> {
  const parent = resolve(options.directory ?? join(benchFolder, ".perdure"));
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, "bench-"));
  try {
    await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = UsageError.is(error) ? 2 : 1;
  console.error(PerdureError.is(error) ? error.message : error);
}
