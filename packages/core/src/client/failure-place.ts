/** Where in the user's files a failure was thrown, read from its recorded stack. For people only. */
import { isAbsolute } from "node:path";
import { type ErrorLocation, FatalError, PerdureError, RetryableError } from "@perdure/errors";

const framePattern = /^ {4}at (?:.* \()?(?:file:\/\/)?([^()\n]+?):(\d+):(\d+)\)?$/m;

/** The place of the topmost frame; empty when the stack has none that is of the user's own files. */
export function failurePlace(cause: unknown): Pick<ErrorLocation, "file" | "line" | "column"> {
  if (!(cause instanceof Error) || typeof cause.stack !== "string") return {};
  const [, file, line, column] = framePattern.exec(cause.stack) ?? [];
  if (file === undefined) return failurePlace(cause.cause);
  if (file.startsWith("node:") || file.includes("/node_modules/")) return {};
  // Our own errors are made in our own code, which shows in stacks of the host and not in those of workflow code.
  if (isAbsolute(file) && PerdureError.is(cause) && !FatalError.is(cause) && !RetryableError.is(cause)) return {};
  return { file, line: Number(line), column: Number(column) };
}
