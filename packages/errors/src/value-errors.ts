import { codeOf, PerdureError, type PerdureErrorOptions } from "./perdure-error.ts";

/** A value cannot be stored. It is refused before anything is written, and never retried. */
export class SerializationError extends PerdureError {
  readonly fatal = true;
  /** Where in the value, e.g. `[0].deep.cb`; empty for the value itself. */
  readonly path: string;

  constructor(what: string, found: string, path: string, options: PerdureErrorOptions = {}) {
    const at = path === "" ? "" : ` at ${path}`;
    super("SERIALIZATION_FAILED", `Cannot store ${what}${at}: found ${found}.`, {
      hint: "Pass plain data: primitives, arrays, objects, Date, RegExp, URL, Map, Set, typed arrays, errors.",
      ...options,
    });
    this.path = path;
  }

  static override is(value: unknown): value is SerializationError {
    return codeOf(value) === "SERIALIZATION_FAILED";
  }
}

/** Recorded bytes cannot be read back: damaged, of an unknown format, or beyond a limit. */
export class UndecodableError extends PerdureError {
  constructor(message: string, options: PerdureErrorOptions = {}) {
    super("UNDECODABLE", message, options);
  }

  static override is(value: unknown): value is UndecodableError {
    return codeOf(value) === "UNDECODABLE";
  }
}

/** A function of Perdure was given something that it cannot take. Nothing was done. */
export class InvalidArgumentError extends PerdureError {
  /** `what` names the argument, such as `start(): "key"`. */
  constructor(what: string, expected: string, found: string, options: PerdureErrorOptions = {}) {
    super("INVALID_ARGUMENT", `${what} must be ${expected}, and is ${found}.`, options);
  }

  static override is(value: unknown): value is InvalidArgumentError {
    return codeOf(value) === "INVALID_ARGUMENT";
  }
}

/** A duration could not be understood. */
export class InvalidDurationError extends PerdureError {
  constructor(found: string) {
    super("INVALID_DURATION", `${found} is not a duration.`, {
      hint: 'Use milliseconds (0 or more), a Date, or text such as "10s", "5m", "2 hours", "1 day".',
    });
  }

  static override is(value: unknown): value is InvalidDurationError {
    return codeOf(value) === "INVALID_DURATION";
  }
}
