import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Row } from "./row.ts";
import { localScenarios } from "./suites/local/catalogue.ts";

interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** What the command has left in its directory. */
  readonly left: readonly string[];
}

async function bench(...args: readonly string[]): Promise<Ending> {
  const directory = mkdtempSync(join(tmpdir(), "perdure-bench-"));
  const { NODE_OPTIONS: _options, FORCE_COLOR: _colour, ...env } = process.env;
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args, "--directory", directory], {
    env,
  });
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

/** The rows that a scenario gives for one small size. */
const rowsOf: Readonly<Record<string, readonly string[]>> = {
  sleep_held: ["sleep_held_p50", "sleep_held_p99"],
  sleep_released: ["sleep_released_p50", "sleep_released_p99"],
};

describe("every scenario runs, small, with the built packages", () => {
  test.each(localScenarios.map(({ name }) => name))("%s", async (name) => {
    const { code, out, err, left } = await bench("local", "--json", "--only", name, "--sizes", "4", "--rounds", "2");
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining(`${name} (n = 4)`) });
    const rows = out
      .trimEnd()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(rows).toEqual(
      (rowsOf[name] ?? [name]).map((scenario) => ({
        suite: "local",
        scenario,
        n: 4,
        unit: expect.stringMatching(/^(ms|ms\/step|us\/call|KB\/run|runs\/s)$/),
        value: expect.any(Number),
        floor: expect.any(Number),
        ratio: expect.any(Number),
      })),
    );
    expect(left).toEqual([]);
  });
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
