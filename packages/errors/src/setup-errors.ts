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

/** This process cannot be a worker as it was started. */
export class WorkerSetupError extends PerdureError {
  constructor(message: string, options: PerdureErrorOptions = {}) {
    super("WORKER_SETUP", message, options);
  }

  static override is(value: unknown): value is WorkerSetupError {
    return codeOf(value) === "WORKER_SETUP";
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
