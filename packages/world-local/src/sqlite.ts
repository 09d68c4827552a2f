/**
 * The one place that loads `node:sqlite`, and how rows are read.
 *
 * Node 22 and early 24 print an ExperimentalWarning when the module is first loaded. Users chose Perdure, not an
 * experimental module, and can do nothing about the line, so exactly that warning is dropped: `process.emitWarning` is
 * replaced for the synchronous duration of the load only, and every other kind of warning still goes through.
 */
import type * as Sqlite from "node:sqlite";

import type { SQLInputValue, StatementSync } from "node:sqlite";

export type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** The module `node:sqlite`, without its warning. */
export function loadSqlite(): typeof Sqlite {
  const emitWarning = process.emitWarning;
  const filtered = (...args: unknown[]): void => {
    const [, second] = args;
    const type = typeof second === "object" && second !== null ? (second as { readonly type?: unknown }).type : second;
    if (type !== "ExperimentalWarning") Reflect.apply(emitWarning, process, args);
  };
  process.emitWarning = filtered as typeof process.emitWarning;
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** The first row; undefined when there is none. Numbers are read as in {@link allRows}. */
export function firstRow(statement: StatementSync, ...values: readonly SQLInputValue[]): unknown {
  try {
    return statement.get(...values);
  } catch (error) {
    if (!isOutOfRange(error)) throw error;
    return allRows(statement, ...values)[0];
  }
}

/**
 * All rows. Nothing is stored that a number of JavaScript cannot hold exactly, so a larger integer is damage: it is read
 * as NaN, which no checksum fits, instead of failing for the rows beside it too.
 */
export function allRows(statement: StatementSync, ...values: readonly SQLInputValue[]): readonly unknown[] {
  try {
    return statement.all(...values);
  } catch (error) {
    if (!isOutOfRange(error)) throw error;
  }
  statement.setReadBigInts(true);
  try {
    return statement.all(...values).map(withNumbers);
  } finally {
    statement.setReadBigInts(false);
  }
}

function isOutOfRange(error: unknown): boolean {
  return error instanceof RangeError && "code" in error && error.code === "ERR_OUT_OF_RANGE";
}

function withNumbers(row: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, numberOf(value)]));
}

function numberOf(value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : Number.NaN;
}
