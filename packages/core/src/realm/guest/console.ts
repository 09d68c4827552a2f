/** `console` in workflow code: lines are kept until the host prints them, which it does once and never for a replay. */
import type { ConsoleLevel } from "../guest-port.ts";
import { formatLine } from "./inspect-value.ts";
import { currentOrNull } from "./orchestrator-context.ts";

/** Lines of one delivery that are kept; a loop that prints more is told so instead of filling the memory. */
const linesMax = 10_000;

function write(level: ConsoleLevel, values: readonly unknown[]): void {
  const context = currentOrNull();
  if (context === null || context.lines.length > linesMax) return;
  const text = context.lines.length === linesMax ? "further console lines were dropped" : formatLine(values);
  context.lines.push({ level, text, position: context.position });
}

const writer =
  (level: ConsoleLevel) =>
  (...values: unknown[]): void =>
    write(level, values);

function assertLine(condition: unknown, ...values: unknown[]): void {
  if (!condition) write("error", ["Assertion failed", ...values]);
}

function ignore(): void {
  // Groups, timers and counters have no meaning in lines that are printed later.
}

/** The `console` of the realm. */
export const realmConsole: Readonly<Record<string, unknown>> = {
  debug: writer("debug"),
  error: writer("error"),
  info: writer("info"),
  log: writer("log"),
  trace: writer("debug"),
  warn: writer("warn"),
  dir: (value: unknown) => write("log", [value]),
  table: writer("log"),
  assert: assertLine,
  clear: ignore,
  count: ignore,
  countReset: ignore,
  group: ignore,
  groupCollapsed: ignore,
  groupEnd: ignore,
  time: ignore,
  timeEnd: ignore,
  timeLog: ignore,
};
