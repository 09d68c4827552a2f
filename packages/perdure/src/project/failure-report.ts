/**
 * How a program ends that nobody's `catch` saved: an error of Perdure is printed as what it says (what happened, where, what to do), with
 * the frames of the user's own files, and the exit code is 1. The frames between, and Node's list of an error's properties, would
 * bury the two lines that help.
 *
 * It watches with `uncaughtExceptionMonitor`, so that every other error, and programs with an `uncaughtException` handler of their own,
 * behave as without us.
 */
import { basename, dirname, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { CompileError, InvariantError, PerdureError, sentenceOf, UnsupportedNodeError } from "@perdure/errors";

/** Begins to watch this process. */
export function reportFailures(): void {
  process.on("uncaughtExceptionMonitor", (error) => {
    const text = failureText(error);
    if (text === null || process.listenerCount("uncaughtException") > 0) return;
    if (process.hasUncaughtExceptionCaptureCallback()) return;
    process.stderr.write(`${text}\n`);
    process.exit(1);
  });
}

/** How deep the causes of an error are followed. */
const causesMax = 4;

/** What to print instead of Node's report; null for an error that is not ours, or is a defect of ours. */
function failureText(error: unknown): string | null {
  if (!(error instanceof Error) || !PerdureError.is(error) || isOneOf(error, [InvariantError])) return null;
  const parts = [describe(error)];
  // What a compile error was caused by, its own text has already told.
  for (let at: Error = error; parts.length <= causesMax && !isOneOf(at, [CompileError]); ) {
    const { cause } = at;
    if (!(cause instanceof Error) || isOneOf(cause, [CompileError])) break;
    parts.push(`caused by ${describe(cause, parts[0])}`);
    at = cause;
  }
  return parts.join("\n\n");
}

/** The error's text and the user's frames of its stack. Of a cause, what the text before has told is left out. */
function describe(error: Error, told = ""): string {
  const message = PerdureError.is(error) && told.includes(sentenceOf(error)) ? sentenceOf(error) : error.message;
  const frames = isOneOf(error, [CompileError, UnsupportedNodeError]) ? [] : userFrames(error.stack ?? "");
  return [`${error.name}: ${message}`, ...frames].join("\n");
}

interface Kind {
  is(value: unknown): boolean;
}

const isOneOf = (error: Error, kinds: readonly Kind[]): boolean => kinds.some((kind) => kind.is(error));

/** The frames that are neither Perdure's nor Node's. */
function userFrames(stack: string): string[] {
  const isUsers = (line: string): boolean =>
    /^ {4}at .*:\d+\)?$/.test(line) && !line.includes("node:") && !isOurs(line);
  return stack.split("\n").filter(isUsers);
}

/** This package's folder, and the one of all of them where it is linked from a checkout. */
const ownFolder = resolve(fileURLToPath(import.meta.url), "../../..");
const checkout = basename(dirname(ownFolder)) === "packages" ? dirname(ownFolder) : ownFolder;
const installed = /[\\/]node_modules[\\/](?:@?perdure|devalue)[\\/]/;

const isOurs = (line: string): boolean => line.includes(`${checkout}${sep}`) || installed.test(line);
