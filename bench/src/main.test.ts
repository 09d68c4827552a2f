import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Row } from "./row.ts";
import { localSuite } from "./suites/local.ts";
import { postgresSuite } from "./suites/postgres.ts";

interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** What the command has left in its directory. */
  readonly left: readonly string[];
}

async function bench(...args: readonly string[]): Promise<Ending> {
  const directory = mkdtempSync(join(tmpdir(), "perdure-bench-"));
  // The server of the suite postgres runs as another user when this process is root's.
  chmodSync(directory, 0o711);
  const { NODE_OPTIONS: _options, FORCE_COLOR: _colour, ...env } = process.env;
  const program = ["--conditions=@perdure/source", join(import.meta.dirname, "main.ts")];
  const child = spawn(process.execPath, [...program, ...args, "--directory", directory], { env });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  const left = readdirSync(directory);
  rmSync(directory, { recursive: true });
  return { code, out, err, left };
}

/** The larger sizes run only where there is time for them: `pnpm verify:all`. */
const isLong = process.env["PERDURE_LONG"] === "1";

const longTestMs = 300_000;

const percentilesOf = (scenario: string): readonly string[] => [`${scenario}_p50`, `${scenario}_p99`];
const throughputOf = (scenario: string): readonly string[] => [scenario, ...percentilesOf(scenario)];

/** The rows that a scenario gives for one small size, where that is more than one of its own name. */
const rowsOf: Readonly<Record<string, readonly string[]>> = {
  bytes: ["bytes_log", "bytes_tables"],
  runs_1_step: throughputOf("runs_1_step"),
  runs_1_step_zod: throughputOf("runs_1_step_zod"),
  runs_5_steps: throughputOf("runs_5_steps"),
  sleep_held: percentilesOf("sleep_held"),
  sleep_released: percentilesOf("sleep_released"),
  sleeping: ["sleeping_heap", "sleeping_load", "sleeping_wake"],
};

/** The rows that have nothing beneath them. */
const withoutFloor = /^(runs_.+_p\d+|idle_worker|sleeping_load)$/;

/** What the scenarios print for n = 4. */
function expectedRows(suite: string, scenarios: readonly string[]): unknown[] {
  return scenarios
    .flatMap((name) => rowsOf[name] ?? [name])
    .map((scenario) => ({
      suite,
      scenario,
      n: 4,
      unit: expect.stringMatching(/^(ms|ms\/step|us\/call|B\/step|KB\/run|runs\/s|transactions\/s)$/),
      value: expect.any(Number),
      floor: withoutFloor.test(scenario) ? null : expect.any(Number),
      ratio: withoutFloor.test(scenario) ? null : expect.any(Number),
    }));
}

const rowsIn = (out: string): unknown[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));

describe("every scenario of the suite local runs, small, with the built packages", () => {
  test.each(localSuite.scenarios.map(({ name }) => name))("%s", async (name) => {
    const { code, out, err, left } = await bench("local", "--json", "--only", name, "--sizes", "4", "--rounds", "2");
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining(`${name} (n = 4)`) });
    expect(rowsIn(out)).toEqual(expectedRows("local", [name]));
    expect(left).toEqual([]);
  });
});

/** One of each kind: an own connection, another process, the server's counters. The others run where there is time. */
const postgresSample = ["insert_tcp", "remote_hook", "bytes"];

test("scenarios of the suite postgres run, small, on a server of their own", { timeout: longTestMs }, async () => {
  const names = isLong ? postgresSuite.scenarios.map(({ name }) => name) : postgresSample;
  const options = ["--json", "--only", names.join(","), "--sizes", "4", "--rounds", "1"];
  const { code, out, err, left } = await bench("postgres", ...options);
  expect({ code, err }).toMatchObject({ code: 0 });
  expect(rowsIn(out)).toEqual(expectedRows("postgres", names));
  expect(left).toEqual([]);
});

test("without --json the rows are a table", async () => {
  const { code, out } = await bench("local", "--only", "sequential", "--sizes", "30,50", "--rounds", "1");
  expect(code).toBe(0);
  expect(
    out.split("\n").map((line) =>
      line
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, 3),
    ),
  ).toEqual([
    ["scenario", "n"],
    [expect.stringMatching(/^-+$/), expect.stringMatching(/^-+:$/)],
    ["sequential", "30"],
    ["sequential", "50"],
    [],
  ]);
});

test("a command line that is not understood is refused before anything runs", async () => {
  const { code, out, err } = await bench("local", "--only", "paralel");
  expect(code).toBe(2);
  expect(out).toBe("");
  expect(err).toContain('Did you mean "parallel"?');
});

if (isLong) {
  test("10,000 runs started at once all return", { timeout: longTestMs }, async () => {
    const { code, out } = await bench("local", "--json", "--only", "runs_1_step", "--sizes", "10000", "--rounds", "1");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ scenario: "runs_1_step", n: 10_000 });
  });

  test("100,000 runs are resident at once, in at most 10 KB of heap each", { timeout: longTestMs }, async () => {
    const { code, out } = await bench(
      "local",
      "--json",
      "--only",
      "memory_resident",
      "--sizes",
      "100000",
      "--rounds",
      "1",
    );
    expect(code).toBe(0);
    const row = JSON.parse(out) as Row;
    expect(row).toMatchObject({ scenario: "memory_resident", n: 100_000, unit: "KB/run" });
    expect(row.value).toBeLessThanOrEqual(10);
  });
}
