/**
 * How a program ends that cannot run: an error about the user's code or configuration is printed as its message (place, frame, hint),
 * without a stack of Perdure's own frames, and the exit code is 1.
 *
 * It watches with `uncaughtExceptionMonitor`, so that every other error, and programs with an `uncaughtException` handler of their own,
 * behave as without us.
 */
import { inspect } from "node:util";
import { CompileError, ConfigError, UnsupportedNodeError, WorkerSetupError } from "@perdure/errors";

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

/** What to print instead of a stack; null for an error whose stack is of use. */
export function failureText(error: unknown): string | null {
  const isOurs = [CompileError, ConfigError, UnsupportedNodeError, WorkerSetupError].some((kind) => kind.is(error));
  if (!isOurs || !(error instanceof Error)) return null;
  const text = `${error.name}: ${error.message}`;
  const { cause } = error;
  // What a compile error was caused by, its own text has already told.
  if (!(cause instanceof Error) || CompileError.is(cause) || CompileError.is(error)) return text;
  return `${text}\n\ncaused by ${inspect(cause)}`;
}
