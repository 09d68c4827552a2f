/**
 * The one place that loads `node:sqlite`.
 *
 * Node 22 and early 24 print an ExperimentalWarning when the module is first loaded. Users chose Perdure, not an
 * experimental module, and can do nothing about the line, so exactly that warning is dropped: `process.emitWarning` is
 * replaced for the synchronous duration of the load only, and every other kind of warning still goes through.
 */
import type * as Sqlite from "node:sqlite";

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
