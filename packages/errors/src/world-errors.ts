import { codeOf, PerdureError, type PerdureErrorOptions } from "./perdure-error.ts";

/** What kept a store from doing its work. */
export type StoreFailure =
  | "STORE_UNAVAILABLE"
  | "STORE_LOCKED"
  | "STORE_READ_ONLY"
  | "STORE_CORRUPT"
  | "STORE_FULL"
  | "STORE_NEWER_VERSION"
  | "STORE_NOT_MIGRATED"
  | "STORE_UNSUPPORTED"
  | "STORE_RESTORED"
  | "STORE_CLOSED";

const storeFailures: ReadonlySet<string> = new Set<StoreFailure>([
  "STORE_UNAVAILABLE",
  "STORE_LOCKED",
  "STORE_READ_ONLY",
  "STORE_CORRUPT",
  "STORE_FULL",
  "STORE_NEWER_VERSION",
  "STORE_NOT_MIGRATED",
  "STORE_UNSUPPORTED",
  "STORE_RESTORED",
  "STORE_CLOSED",
]);

/**
 * The world's store could not do what was asked. `code` says which way it failed; `outcome` says what is known about
 * the write: `none` means that nothing was written, `unknown` that it may have been (the engine then re-sends it).
 */
export class StoreError extends PerdureError {
  declare readonly code: StoreFailure;
  readonly outcome: "none" | "unknown";

  constructor(
    code: StoreFailure,
    message: string,
    options: PerdureErrorOptions & { readonly outcome?: "none" | "unknown" } = {},
  ) {
    super(code, message, options);
    this.outcome = options.outcome ?? "none";
  }

  static override is(value: unknown): value is StoreError {
    const code = codeOf(value);
    return code !== undefined && storeFailures.has(code);
  }
}

/** For a world that keeps its runs apart from the program's own data, where `what` needs the two together. */
export function transactionsMissingError(what: string): StoreError {
  return new StoreError(
    "STORE_UNSUPPORTED",
    `${what} needs a world that takes part in transactions, and this one does not.`,
    {
      hint: "Use a world that keeps its runs in the program's own database: @perdure/world-postgres. A step can write once to another database: `once` of perdure/once.",
    },
  );
}

/** The store lacks what it had acknowledged; `evidence` says by what that was noticed. */
export function storeRestoredError(store: string, evidence: string): StoreError {
  return new StoreError("STORE_RESTORED", `${store} was put back to an earlier state: ${evidence}.`, {
    hint: "What was acknowledged after that state is lost. Runs go on from what the store holds, and steps whose results are gone run again: look at what they did outside. Starts, payloads and cancellations of that time have to be sent again.",
  });
}

/** True for the error that says that the store lacks what it had acknowledged. */
export function isStoreRestored(error: unknown): error is StoreError {
  return StoreError.is(error) && error.code === "STORE_RESTORED";
}

/** The log holds an event of a type that this version does not know; the run is parked. */
export class UnknownEventError extends PerdureError {
  constructor(runId: string, position: number, type: string) {
    super("UNKNOWN_EVENT", `The log holds an event of type "${type}", which this version does not know.`, {
      where: { runId, position },
      hint: "A newer version of Perdure wrote it: upgrade this process.",
    });
  }

  static override is(value: unknown): value is UnknownEventError {
    return codeOf(value) === "UNKNOWN_EVENT";
  }
}

/** A bundle of workflow code that no configured secret has signed; it is not run, and runs that need it are parked. */
export class BundleUntrustedError extends PerdureError {
  constructor(bundleId: string, found: "unsigned" | "wrongly signed") {
    super("BUNDLE_UNTRUSTED", `The bundle ${bundleId} is ${found}.`, {
      hint: "Deploy the workers that start runs with the same `secret`, and keep earlier secrets in the list. If nobody here stored it, somebody else writes to the store.",
    });
  }

  static override is(value: unknown): value is BundleUntrustedError {
    return codeOf(value) === "BUNDLE_UNTRUSTED";
  }
}

/** A cursor for a list of runs that no page of this world gave. */
export class InvalidCursorError extends PerdureError {
  constructor(cursor: string) {
    super("INVALID_CURSOR", `${JSON.stringify(cursor.slice(0, 80))} is not a cursor of this list of runs.`, {
      hint: "Pass the `cursor` of the page before, unchanged, or leave it out to begin at the newest run.",
    });
  }

  static override is(value: unknown): value is InvalidCursorError {
    return codeOf(value) === "INVALID_CURSOR";
  }
}
