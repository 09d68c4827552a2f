/**
 * `pnpm bench <suite>`: every scenario in a process of its own, its figures beside their floors.
 *
 * Exits with 0 whether goals are kept or not, because a figure depends on the machine; with 1 when a scenario fails, and
 * with 2 when the command line is not understood.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { PerdureError, UsageError } from "@perdure/errors";
import { BenchServer } from "./bench-server.ts";
import { type BenchOptions, parseOptions, usage } from "./options.ts";
import { jsonLine, table } from "./report.ts";
import type { Row } from "./row.ts";
import type { DatabaseOrder } from "./scenario.ts";
import { benchFolder, forkScenario } from "./scenario-fork.ts";
import type { Scenario } from "./suite.ts";

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const rows: Row[] = [];
  const onRow = (row: Row): void => {
    rows.push(row);
    if (options.json) console.log(jsonLine(row));
  };
  if (options.suite.store === "file") await runSuite(options, null, onRow);
  else await inDirectory(options, (directory) => runOnServer(directory, options, onRow));
  if (!options.json) console.log(table(rows));
  return 0;
}

async function runOnServer(directory: string, options: BenchOptions, onRow: (row: Row) => void): Promise<void> {
  const server = await BenchServer.start(directory);
  try {
    await runSuite(options, server, onRow);
  } finally {
    await server.stop();
  }
}

/** Runs each scenario, on the server if there is one. */
async function runSuite(options: BenchOptions, server: BenchServer | null, onRow: (row: Row) => void): Promise<void> {
  for (const scenario of options.scenarios) {
    const sizes = options.sizesOf(scenario);
    const groups = scenario.processPerSize ? sizes.map((size) => [size]) : [sizes];
    for (const group of groups) {
      process.stderr.write(`${scenario.name} (n = ${group.join(", ")}): ${scenario.about}\n`);
      const run = (database: DatabaseOrder | null) => runScenario(scenario, group, database, options, onRow);
      await (server === null ? run(null) : server.withDatabase(run));
    }
  }
}

async function runScenario(
  scenario: Scenario,
  sizes: readonly number[],
  database: DatabaseOrder | null,
  options: BenchOptions,
  onRow: (row: Row) => void,
): Promise<void> {
  await inDirectory(options, async (directory) => {
    const order = {
      scenario: scenario.name,
      family: scenario.family,
      sizes,
      rounds: options.rounds,
      directory,
      database,
      profiles: options.profile ? join(benchFolder, ".perdure", "profiles") : null,
      part: null,
    };
    const { ended } = forkScenario(order, (message) => {
      if ("measurement" in message) onRow({ suite: options.suite.name, ...message.measurement });
    });
    await ended;
  });
}

/** A directory of its own for files, removed afterwards. */
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
