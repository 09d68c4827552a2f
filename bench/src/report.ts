/** Rows as people read them, and as programs do. */
import type { Row } from "./row.ts";
import type { Goal } from "./suite.ts";
import { suiteNamed } from "./suites/catalogue.ts";

const columns = ["scenario", "n", "value", "floor", "unit", "ratio", "goal"] as const;
type Cells = Readonly<Record<(typeof columns)[number], string>>;

/** Left-aligned, unlike the numbers. */
const textColumns: ReadonlySet<string> = new Set(["scenario", "unit", "goal"]);

/** One line of JSON with exactly the members of a row. */
export function jsonLine({ suite, scenario, n, unit, value, floor, ratio }: Row): string {
  return JSON.stringify({ suite, scenario, n, unit, value, floor, ratio });
}

/** A Markdown table, aligned, so that it reads in a terminal and in a document. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(cellsOf);
  const widths = columns.map((column) => Math.max(column.length, ...cells.map((row) => row[column].length)));
  const line = (texts: readonly string[]): string => `| ${texts.join(" | ")} |`;
  const padded = (row: Cells): string[] =>
    columns.map((column, index) => pad(row[column], widths[index] ?? 0, textColumns.has(column)));
  const header = Object.fromEntries(columns.map((column) => [column, column])) as Cells;
  const rule = columns.map((column, index) => ruleOf(widths[index] ?? 0, textColumns.has(column)));
  return [line(padded(header)), line(rule), ...cells.map((row) => line(padded(row)))].join("\n");
}

/** Whether a row keeps its goal; null when it has none. */
export function keepsGoal(row: Row): boolean | null {
  const goal = goalOf(row);
  if (goal === null) return null;
  const figure = row[goal.of];
  if (figure === null) return null;
  return goal.bound === "at most" ? figure <= goal.limit : figure >= goal.limit;
}

const goalOf = ({ suite, scenario, n }: Row): Goal | null => suiteNamed(suite).goalOf(scenario, n);

function cellsOf(row: Row): Cells {
  return {
    scenario: row.scenario,
    n: grouped(row.n),
    value: figure(row.value),
    floor: row.floor === null ? "" : figure(row.floor),
    unit: row.unit,
    ratio: row.ratio === null ? "" : row.ratio.toFixed(2),
    goal: goalText(row, goalOf(row)),
  };
}

function goalText(row: Row, goal: Goal | null): string {
  if (goal === null) return "";
  const sign = goal.bound === "at most" ? "<=" : ">=";
  const target = goal.of === "ratio" ? `ratio ${sign} ${goal.limit}` : `${sign} ${grouped(goal.limit)} ${row.unit}`;
  return `${target}: ${keepsGoal(row) === true ? "kept" : "MISSED"}`;
}

const pad = (text: string, width: number, left: boolean): string => (left ? text.padEnd(width) : text.padStart(width));
const ruleOf = (width: number, left: boolean): string => (left ? "-".repeat(width) : `${"-".repeat(width - 1)}:`);
const grouped = (value: number): string => value.toLocaleString("en-US");

/** Three significant digits below 1,000, whole numbers from there. */
const figure = (value: number): string =>
  value >= 1_000 ? grouped(Math.round(value)) : String(Number(value.toPrecision(3)));
