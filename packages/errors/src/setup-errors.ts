import { codeOf, PerdureError, type PerdureErrorOptions } from "./perdure-error.ts";

/** The configuration is missing, does not parse, or says something impossible. */
export class ConfigError extends PerdureError {
  constructor(message: string, options: PerdureErrorOptions = {}) {
    super("CONFIG_INVALID", message, options);
  }

  static override is(value: unknown): value is ConfigError {
    return codeOf(value) === "CONFIG_INVALID";
  }
}

/** One thing the compiler found, with the place in the program that it is about. */
export interface CompileDiagnostic {
  /** What is wrong, as a sentence. */
  readonly message: string;
  /** Path of the file from the project root, with forward slashes. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 code units. */
  readonly column: number;
  /** The lines around the place with a caret under it, as plain text; empty when the source is not at hand. */
  readonly frame: string;
  /** What to write instead, as a sentence. */
  readonly hint: string;
}

/** A module with directives cannot be compiled; every finding is in `diagnostics`. */
export class CompileError extends PerdureError {
  readonly diagnostics: readonly CompileDiagnostic[];

  constructor(diagnostics: readonly CompileDiagnostic[], options: PerdureErrorOptions = {}) {
    super("COMPILE_FAILED", diagnostics.map(formatDiagnostic).join("\n\n"), options);
    this.diagnostics = diagnostics;
  }

  static override is(value: unknown): value is CompileError {
    return codeOf(value) === "COMPILE_FAILED";
  }
}

/** One finding as text: place and message, then the frame, then what to do. */
export function formatDiagnostic(diagnostic: CompileDiagnostic): string {
  const { file, line, column, message, frame, hint } = diagnostic;
  const lines = [`${file}:${line}:${column} ${message}`];
  if (frame !== "") lines.push(frame);
  if (hint !== "") lines.push(`  hint:  ${hint}`);
  return lines.join("\n");
}

/** The Node that runs this process is too old. */
export class UnsupportedNodeError extends PerdureError {
  constructor(found: string, oldest: string) {
    super("NODE_UNSUPPORTED", `Perdure needs Node ${oldest} or newer, and this is Node ${found}.`, {
      hint: "Install a newer Node, and check which `node` the command finds: `node --version`.",
    });
  }

  static override is(value: unknown): value is UnsupportedNodeError {
    return codeOf(value) === "NODE_UNSUPPORTED";
  }
}

/** This process cannot be a worker as it was started. */
export class WorkerSetupError extends PerdureError {
  constructor(message: string, options: PerdureErrorOptions = {}) {
    super("WORKER_SETUP", message, options);
  }

  static override is(value: unknown): value is WorkerSetupError {
    return codeOf(value) === "WORKER_SETUP";
  }
}

/** The command line does not say what to do: an unknown command or option, a missing or malformed argument. */
export class UsageError extends PerdureError {
  constructor(message: string, options: PerdureErrorOptions = {}) {
    super("USAGE", message, options);
  }

  static override is(value: unknown): value is UsageError {
    return codeOf(value) === "USAGE";
  }
}

/**
 * A worker's report, never thrown: workflow code left a promise rejected that nothing handled by the end of its turn. The
 * run goes on; it only sees the rejection if it awaits the promise later.
 */
export class StrayRejectionWarning extends PerdureError {
  constructor(workflow: string, what: string) {
    super("STRAY_REJECTION", `Workflow code left a rejected promise (${what}) that nothing handles.`, {
      where: { workflow },
      hint: "Await the promise, or give it a catch(), if its failure matters.",
    });
  }

  static override is(value: unknown): value is StrayRejectionWarning {
    return codeOf(value) === "STRAY_REJECTION";
  }
}

/**
 * How long a worker's event loop may stand still: `stuckAfterMs` where a thread sends the heartbeats meanwhile, else the
 * lease, when that is shorter.
 */
export interface StandstillLimit {
  readonly option: "stuckAfterMs" | "leaseMs";
  readonly ms: number;
}

/** A worker's report, never thrown: its event loop stood still for so long that others may have taken its runs over. */
export class WorkerStuckWarning extends PerdureError {
  constructor(blockedMs: number, { option, ms }: StandstillLimit) {
    super(
      "WORKER_STUCK",
      `The event loop stood still for ${blockedMs} ms, longer than the worker's ${option}, which is ${ms} ms.`,
      {
        hint: "Look for a step that computes without a pause: move the work into a worker thread or a child process.",
      },
    );
  }

  static override is(value: unknown): value is WorkerStuckWarning {
    return codeOf(value) === "WORKER_STUCK";
  }
}

/** Something that cannot be, was: a defect in Perdure, not in the program that uses it. */
export class InvariantError extends PerdureError {
  constructor(message: string, options: PerdureErrorOptions = {}) {
    super("INVARIANT", message, { hint: "This is a defect in Perdure; please report it.", ...options });
  }

  static override is(value: unknown): value is InvariantError {
    return codeOf(value) === "INVARIANT";
  }
}

/** Throws {@link InvariantError} with the sentence unless the condition holds. Stays on in production. */
export function invariant(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new InvariantError(sentence);
}

/** Ends a `switch` over a closed union: a case that is forgotten does not compile. */
export function assertNever(value: never, what: string): never {
  throw new InvariantError(`Unexpected ${what}: ${JSON.stringify(value)}`);
}
