/** Turns the bundler's own errors and warnings into findings. */

import { SourceMap } from "node:module";
import type { CompileDiagnostic } from "@perdure/errors";
import type { RolldownLog } from "rolldown";
import { readSource } from "./bundle-graph.ts";
import { diagnose, diagnoseFile } from "./diagnostic.ts";
import { relativePath } from "./function-id.ts";
import { type Position, SourceText } from "./source-text.ts";

/**
 * The findings in what the bundler threw or logged; empty when it is not a report of the bundler. Places in modules that
 * were compiled before the bundler saw them are mapped back by `guestMaps` (JSON source maps by module id).
 */
export function bundlerErrors(
  root: string,
  error: unknown,
  guestMaps: ReadonlyMap<string, string>,
): CompileDiagnostic[] {
  const logs = Array.isArray(error) ? error : (error as { errors?: unknown } | null)?.errors;
  if (!Array.isArray(logs)) return [];
  return logs.map((log: RolldownLog) => finding(root, log, guestMaps));
}

function finding(root: string, log: RolldownLog, guestMaps: ReadonlyMap<string, string>): CompileDiagnostic {
  const { message, hint } = wording(log);
  const id = log.loc?.file ?? log.id;
  if (id === undefined) return diagnoseFile(".", message, hint);
  const file = relativePath(id, root);
  const text = readSource(id);
  if (text === undefined || log.loc === undefined) return diagnoseFile(file, message, hint);
  const reported = { line: log.loc.line, column: log.loc.column + 1 };
  const source = new SourceText(file, text);
  return diagnose(source, source.offset(originalPosition(reported, guestMaps.get(id))), message, hint);
}

function originalPosition(reported: Position, map: string | undefined): Position {
  if (map === undefined) return reported;
  const entry = new SourceMap(JSON.parse(map)).findEntry(reported.line - 1, reported.column - 1);
  if (!("originalLine" in entry)) return reported;
  return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

function wording(log: RolldownLog): { message: string; hint: string } {
  if (log.code === "INVALID_TLA_FORMAT") {
    return {
      message: "Workflow code cannot use await at the top level of a module: bundles are evaluated at once.",
      hint: "Move the await into the workflow function or into a step.",
    };
  }
  // The bundler's texts carry a code in brackets and a drawing of the place, which our own frame replaces.
  const [first = ""] = log.message.split("\n");
  return { message: first.replace(/^\[\w+\]\s*/, ""), hint: hints.get(log.code ?? "") ?? "" };
}

const hints: ReadonlyMap<string, string> = new Map([
  ["MISSING_EXPORT", "Correct the name, or export it from that module."],
  ["PARSE_ERROR", "Correct the syntax."],
]);
