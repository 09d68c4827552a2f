/**
 * Runs every check of the repository, one after the other, and says at the end how many passed. A failure does not stop
 * the rest, so that one run shows everything that is wrong.
 *
 *   node scripts/verify.ts                   all checks, then the tests
 *   node scripts/verify.ts --long            the same with the longer suites (PERDURE_LONG=1)
 *   node scripts/verify.ts --after-tests 0   all checks; the tests ran before, ended with 0 and left their report
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { localBinaries } from "../packages/world-postgres/test/server-binaries.ts";
import { readTestReport, summaryLine, type Tally, tallyTests } from "./tally.ts";

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

/** The build comes before the types, the packages and the tests: they read what it makes. */
const checks: readonly Check[] = [
  { name: "format and lint", command: ["biome", "check", "--error-on-warnings", "."] },
  { name: "build", command: ["turbo", "run", "build"] },
  { name: "types of all packages", command: ["tsc", "-b"] },
  { name: "types of tests and scripts", command: ["tsc", "-p", "tsconfig.test.json"] },
  { name: "boundaries", command: ["node", "scripts/check-boundaries.ts"] },
  { name: "style", command: ["node", "scripts/check-style.ts"] },
  { name: "packages", command: ["node", "scripts/check-packages.ts"] },
  { name: "unused code", command: ["knip", "--no-progress", "--treat-config-hints-as-errors"] },
  { name: "spelling", command: ["cspell", "lint", "--no-progress"] },
];

/**
 * The conformance of the PostgreSQL world on a server of each kind, to the server itself and through a pooler, for
 * `--long`. Where PgBouncer is not installed, the tests that need it say that they are skipped.
 */
const conformance = ["local", "embedded"].map((kind) => ({
  kind,
  name: `conformance on the ${kind} PostgreSQL`,
  command: [
    "vitest",
    "run",
    "packages/world-postgres/src/postgres-world.conformance.test.ts",
    "packages/world-postgres/test/pooler.test.ts",
  ] as const,
}));

const reportPath = resolve(".turbo/test-report.json");
const summaryPath = resolve(".turbo/verify-summary.txt");

const { values: options } = parseArgs({ options: { long: { type: "boolean" }, "after-tests": { type: "string" } } });

const environment: NodeJS.ProcessEnv = {
  ...process.env,
  DO_NOT_TRACK: "1",
  TURBO_TELEMETRY_DISABLED: "1",
  PERDURE_TEST_REPORT: reportPath,
  ...(options.long === true ? { PERDURE_LONG: "1" } : {}),
};

/** Runs one command to its end, output and all; answers its exit code, 1 when it could not start or was killed. */
function run({ name, command: [program, ...parameters] }: Check, more: NodeJS.ProcessEnv = {}): number {
  console.log(`\n> ${name}: ${[program, ...parameters].join(" ")}`);
  const result = spawnSync(program, parameters, {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...environment, ...more },
    shell: process.platform === "win32",
  });
  if (result.error !== undefined) console.error(`${program} could not be started: ${result.error.message}`);
  return result.status ?? 1;
}

/** The tests of this run, or of the run that `--after-tests` speaks of. */
function testTally(): Tally {
  const earlier = options["after-tests"];
  if (earlier !== undefined) return tallyTests(readTestReport(reportPath), Number(earlier));
  rmSync(reportPath, { force: true });
  const exitCode = run({ name: "tests", command: ["vitest", "run"] });
  return tallyTests(readTestReport(reportPath), exitCode);
}

const outcomes = checks.map((check) => ({ name: check.name, exitCode: run(check) }));
const tests = testTally();
for (const { kind, ...check } of options.long === true ? conformance : []) {
  if (kind === "local" && localBinaries() === null) {
    console.log(`\n> ${check.name}: skipped, since no PostgreSQL is installed`);
    continue;
  }
  const exitCode = run(check, { PERDURE_TEST_POSTGRES: kind, PERDURE_TEST_REPORT: undefined });
  outcomes.push({ name: check.name, exitCode });
}
const tallies = [
  ...outcomes.map(({ exitCode }): Tally => (exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })),
  tests,
];

console.log("");
for (const { name, exitCode } of outcomes) console.log(`${exitCode === 0 ? "pass" : "FAIL"}  ${name}`);
console.log(`${tests.failed === 0 ? "pass" : "FAIL"}  tests (${tests.passed} passed, ${tests.failed} failed)`);
const summary = summaryLine(tallies);
mkdirSync(resolve(".turbo"), { recursive: true });
writeFileSync(summaryPath, `${summary}\n`);
console.log(summary);
process.exitCode = tallies.some(({ failed }) => failed > 0) ? 1 : 0;
