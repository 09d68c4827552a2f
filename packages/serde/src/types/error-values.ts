import {
  brand,
  codeOf,
  FatalError,
  HookConflictError,
  HookNotFoundError,
  InvalidArgumentError,
  InvalidCursorError,
  InvalidDurationError,
  InvalidWorkflowFunctionError,
  InvariantError,
  NotInStepContextError,
  NotInWorkflowContextError,
  NotInWorkflowOrStepContextError,
  PerdureError,
  RetryableError,
  RunNotParkedError,
  RunParkedError,
  SerializationError,
  StepLostError,
  StepNotRegisteredError,
  StoreError,
  UnavailableInWorkflowContextError,
  UndecodableError,
  UnknownEventError,
  WorkflowCalledDirectlyError,
  WorkflowNotRegisteredError,
  WorkflowRunCancelledError,
  WorkflowRunEndedError,
  WorkflowRunFailedError,
  WorkflowRunNotFoundError,
  WorkflowStuckError,
} from "@perdure/errors";
import { defineSparsely } from "./index-names.ts";

/**
 * Errors. An error is written as a record of its class, name, message, stack, cause and own enumerable properties, and
 * is rebuilt as a real error (`Error.isError`, a stack of its own) of that class, without running the constructor.
 *
 * Classes that are kept: the built-in ones, DOMException where it exists, and those of `@perdure/errors`, told by their
 * code because a bundler may rename a class. Any other class comes back as Error with the recorded `name`.
 */

/** An error as it is written. The order of the first three keys is part of the format; see `table.ts`. */
export interface ErrorRecord {
  readonly class: string;
  readonly name: string;
  readonly message: string;
  stack?: string;
  /** The code of a Perdure error. */
  code?: string;
  cause?: unknown;
  /** The own property `errors` of an AggregateError. */
  errors?: unknown;
  /** The own properties `error` and `suppressed` of a SuppressedError. */
  error?: unknown;
  suppressed?: unknown;
  /** The own enumerable properties that none of the above holds. */
  own?: Record<string, unknown>;
}

const builtInClasses: ReadonlySet<string> = new Set([
  "Error",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
  "AggregateError",
  "SuppressedError",
]);

/** The own properties of built-in error classes that are not enumerable. */
export const hiddenKeys = ["errors", "error", "suppressed"] as const;
/** The own properties that have a field of their own in the record, whether they are enumerable or not. */
// A name that is an own enumerable property stays one, as class fields make it.
export const recordedKeys: ReadonlySet<string> = new Set(["message", "stack", "cause"]);

// Constructors are called by `Reflect.construct` alone, with the arguments that the class of the record takes.
type ErrorClass = abstract new (...args: never[]) => object;

/**
 * The classes of `@perdure/errors` that code in a workflow, a step or a client can meet, by the code of their instances.
 * Any other one, of setup and tools, comes back as PerdureError, for which the `is` of its class still holds.
 */
export const classesByCode: Readonly<Record<string, ErrorClass>> = {
  FATAL: FatalError,
  HOOK_CONFLICT: HookConflictError,
  HOOK_NOT_FOUND: HookNotFoundError,
  INVALID_ARGUMENT: InvalidArgumentError,
  INVALID_CURSOR: InvalidCursorError,
  INVALID_DURATION: InvalidDurationError,
  INVALID_WORKFLOW_FUNCTION: InvalidWorkflowFunctionError,
  INVARIANT: InvariantError,
  NOT_IN_STEP_CONTEXT: NotInStepContextError,
  NOT_IN_WORKFLOW_CONTEXT: NotInWorkflowContextError,
  NOT_IN_WORKFLOW_OR_STEP_CONTEXT: NotInWorkflowOrStepContextError,
  RETRYABLE: RetryableError,
  RUN_CANCELLED: WorkflowRunCancelledError,
  RUN_ENDED: WorkflowRunEndedError,
  RUN_FAILED: WorkflowRunFailedError,
  RUN_NOT_FOUND: WorkflowRunNotFoundError,
  RUN_NOT_PARKED: RunNotParkedError,
  RUN_PARKED: RunParkedError,
  SERIALIZATION_FAILED: SerializationError,
  STEP_LOST: StepLostError,
  STEP_NOT_REGISTERED: StepNotRegisteredError,
  STORE_CLOSED: StoreError,
  STORE_CORRUPT: StoreError,
  STORE_FULL: StoreError,
  STORE_LOCKED: StoreError,
  STORE_NEWER_VERSION: StoreError,
  STORE_READ_ONLY: StoreError,
  STORE_UNAVAILABLE: StoreError,
  STORE_UNSUPPORTED: StoreError,
  UNAVAILABLE_IN_WORKFLOW_CONTEXT: UnavailableInWorkflowContextError,
  UNDECODABLE: UndecodableError,
  UNKNOWN_EVENT: UnknownEventError,
  WORKFLOW_CALLED_DIRECTLY: WorkflowCalledDirectlyError,
  WORKFLOW_NOT_REGISTERED: WorkflowNotRegisteredError,
  WORKFLOW_STUCK: WorkflowStuckError,
};

/** Reads one property of the error: the encoder reports the path when a getter throws. */
export type ReadProperty = (key: string) => unknown;

/** The record of an error. `read` is called for every property, in the order in which they are written. */
export function recordError(error: object, read: ReadProperty, withStack: boolean): ErrorRecord {
  const kind = classOf(error);
  const record: ErrorRecord = {
    class: kind,
    name: textOf(read("name")),
    message: textOf(read("message")),
  };
  const stack = withStack ? read("stack") : undefined;
  if (typeof stack === "string") record.stack = stack;
  const code = codeOf(error);
  if (code !== undefined) record.code = code;
  if (Object.hasOwn(error, "cause")) record.cause = read("cause");
  for (const key of hiddenKeys) {
    if (isHiddenKey(error, key)) record[key] = read(key);
  }
  const own = recordOwnProperties(error, read);
  if (own !== undefined) record.own = own;
  return record;
}

function recordOwnProperties(error: object, read: ReadProperty): Record<string, unknown> | undefined {
  let own: Record<string, unknown> | undefined;
  for (const key of Object.keys(error)) {
    if (recordedKeys.has(key) || isHiddenKey(error, key)) continue;
    own ??= Object.create(null) as Record<string, unknown>;
    own[key] = read(key);
  }
  return own;
}

// AggregateError and SuppressedError keep their parts in own properties that are not enumerable.
function isHiddenKey(error: object, key: string): boolean {
  if (!(hiddenKeys as readonly string[]).includes(key)) return false;
  const descriptor = Object.getOwnPropertyDescriptor(error, key);
  return descriptor !== undefined && descriptor.enumerable !== true;
}

// The built-in prototypes are told by their own properties, not by identity, so that they are known in every realm.
function classOf(error: object): string {
  const prototype: unknown = Object.getPrototypeOf(error);
  if (typeof prototype !== "object" || prototype === null) return "Error";
  const type = ownProperty(prototype, "constructor");
  if (typeof type !== "function") return "Error";
  // Its `name` is an accessor that throws when it is read from the prototype.
  if (type.name === "DOMException") return "DOMException";
  const name = ownProperty(prototype, "name");
  return typeof name === "string" && name === type.name && builtInClasses.has(name) ? name : "Error";
}

// A hardened realm turns the properties of its prototypes into accessors, so their values are read and not described.
function ownProperty(holder: object, key: "name" | "constructor"): unknown {
  return Object.hasOwn(holder, key) ? (holder as Readonly<Record<string, unknown>>)[key] : undefined;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  // Turning an object into text runs code of its own, which may throw, and takes exponential time for nested arrays.
  const isObject = typeof value === "function" || (typeof value === "object" && value !== null);
  return isObject ? "[object Object]" : String(value);
}

/** Rebuilds the errors of one value. A record that is part of a cycle is revived twice and gives the same error. */
export class ErrorReviver {
  readonly #errors = new Map<ErrorRecord, Error>();

  /** The error of this record, with what the record holds by now. */
  revive(record: ErrorRecord): Error {
    let error = this.#errors.get(record);
    if (error === undefined) {
      error = createError(record);
      this.#errors.set(record, error);
    }
    fillError(error, record);
    return error;
  }
}

function createError(record: ErrorRecord): Error {
  const error = Reflect.construct(constructorOf(record), argumentsFor(record), prototypeOwner(record)) as Error;
  if (error.name !== record.name) define(error, "name", record.name);
  if (error.message !== record.message) define(error, "message", record.message);
  return error;
}

function constructorOf(record: ErrorRecord): ErrorClass {
  if (record.code !== undefined || record.class === "Error") return Error;
  if (record.class !== "DOMException" && !builtInClasses.has(record.class)) return Error;
  const type = (globalThis as { readonly [key: string]: unknown })[record.class];
  return typeof type === "function" ? (type as ErrorClass) : Error;
}

function prototypeOwner(record: ErrorRecord): ErrorClass {
  if (record.code === undefined) return constructorOf(record);
  // A code that this version does not know is still one of ours.
  return Object.hasOwn(classesByCode, record.code) ? (classesByCode[record.code] ?? PerdureError) : PerdureError;
}

function argumentsFor(record: ErrorRecord): unknown[] {
  if (record.class === "AggregateError") return [[], record.message];
  if (record.class === "SuppressedError") return [undefined, undefined, record.message];
  return record.class === "DOMException" ? [record.message, record.name] : [record.message];
}

function fillError(error: Error, record: ErrorRecord): void {
  // The error's own stack would tell where it was decoded, which differs from one replay to the next.
  define(error, "stack", record.stack ?? (record.message === "" ? record.name : `${record.name}: ${record.message}`));
  if (Object.hasOwn(record, "cause")) define(error, "cause", record.cause);
  for (const key of hiddenKeys) {
    if (Object.hasOwn(record, key)) define(error, key, record[key]);
  }
  if (record.code !== undefined) brand(error, record.code);
  if (record.own === undefined) return;
  // The name that is there already would come first.
  if (Object.hasOwn(record.own, "name")) Reflect.deleteProperty(error, "name");
  for (const key of Object.keys(record.own)) defineSparsely(error, key, record.own[key]);
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, enumerable: false, configurable: true });
}
