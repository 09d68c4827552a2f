import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { type LedgerLine, readLedger } from "../src/ledger.ts";
import { findPackages } from "../src/package-tree.ts";
import { projectFolder, reportPath, repositoryFolder } from "../src/places.ts";

const count = (pattern: RegExp, text: string): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
const startsOf = (lines: readonly LedgerLine[]): number => lines.filter((line) => line.event === "start").length;

test("the demonstration kills its worker, finishes the audit, and repeats no step that was on record", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["run.ts"], { cwd: projectFolder });
  const folders = await findPackages(repositoryFolder);

  const before = count(/^steps on record when the worker was killed +(\d+)$/m, stdout);
  const after = count(/^steps that finished after it, in another worker +(\d+)$/m, stdout);
  const inFlight = count(/^bodies in flight at the kill, which ran again +(\d+)$/m, stdout);
  expect(stdout).toMatch(/^steps on record whose body started again +0$/m);
  expect(stdout).toContain("No step that was on record ran twice");
  expect(before).toBeGreaterThanOrEqual(folders.length / 2);
  expect(before + after).toBe(folders.length + 2);

  const steps = Map.groupBy(readLedger(), (line) => line.step);
  const histories = [...steps.values()];
  expect(steps.size).toBe(folders.length + 2);
  expect(histories.filter((lines) => startsOf(lines) > 1)).toHaveLength(inFlight);
  expect(histories.filter((lines) => startsOf(lines) > 2)).toEqual([]);
  expect(histories.filter((lines) => lines.at(-1)?.event !== "done")).toEqual([]);
  expect(new Set(readLedger().map((line) => line.pid)).size).toBe(2);

  const report = readFileSync(reportPath, "utf8");
  expect(report).toContain(`${folders.length} packages, `);
  expect(report.match(/ \| `[0-9a-f]{16}` \|$/gm)).toHaveLength(folders.length);
});
