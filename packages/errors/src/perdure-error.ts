/**
 * The base of every error that Perdure throws.
 *
 * An error answers five questions: what happened (`message`), where (`where`), what was expected and what was found
 * (`details`), the likely cause and what to do (`hint`), and where to read more (`docs`). Programs decide on `code`
 * or on `SomeError.is(value)`, never on the text.
 *
 * `is` compares a registered symbol and the code, so that it holds across realms (workflow code runs in a realm of its
 * own) and across two installed copies of this package.
 */

const codeKey: unique symbol = Symbol.for("perdure/error-code") as never;

/** Where in a run something happened; every part is optional. */
export interface ErrorLocation {
  readonly runId?: string;
  readonly workflow?: string;
  readonly step?: string;
  /** 1-based position in the run's event log. */
  readonly position?: number;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** What every Perdure error may carry beside its message. */
export interface PerdureErrorOptions {
  readonly cause?: unknown;
  readonly hint?: string;
  readonly where?: ErrorLocation;
}

/** Anything with a stable Perdure error code, from this realm or another one. */
export interface CodedError {
  readonly [codeKey]: string;
}

/** The base class: catch it to catch everything that Perdure throws on purpose. */
export class PerdureError extends Error {
  /** Stable, upper-case identifier of the situation, e.g. `HOOK_NOT_FOUND`. */
  readonly code: string;
  /** What to do about it, as a sentence. */
  readonly hint: string | undefined;
  /** Page of the documentation that explains this error. */
  readonly docs: string;
  readonly where: ErrorLocation | undefined;

  constructor(code: string, message: string, options: PerdureErrorOptions = {}) {
    super(
      frame(message, options.where, options.hint),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.docs = `errors/${code.toLowerCase().replaceAll("_", "-")}`;
    this.where = options.where;
    Object.defineProperty(this, codeKey, { value: code });
  }

  /** True for any Perdure error, from any realm or copy of this package. */
  static is(value: unknown): value is PerdureError {
    return codeOf(value) !== undefined;
  }
}

/** The Perdure code of an error, or `undefined` when it is not one of ours. */
export function codeOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const code: unknown = (value as Partial<CodedError>)[codeKey];
  return typeof code === "string" ? code : undefined;
}

/** What happened, without the lines that say where and what to do. The whole message of an error that is not ours. */
export function sentenceOf(error: Error): string {
  if (!PerdureError.is(error)) return error.message;
  const rest = frame("", error.where, error.hint);
  const { message } = error;
  return rest !== "" && message.endsWith(rest) ? message.slice(0, -rest.length) : message;
}

/** Marks an error that was rebuilt from bytes as one of ours, so that `.is()` recognises it. */
export function brand(error: object, code: string): void {
  Object.defineProperty(error, codeKey, { value: code, configurable: true });
}

function frame(message: string, where: ErrorLocation | undefined, hint: string | undefined): string {
  const place = where === undefined ? "" : describeLocation(where);
  const lines = [message];
  if (place !== "") lines.push(`  where: ${place}`);
  if (hint !== undefined) lines.push(`  hint:  ${hint}`);
  return lines.join("\n");
}

/** The location as one readable line: `run wrun_…, step charge #2, position 17, src/order.ts:12:5`. */
export function describeLocation(where: ErrorLocation): string {
  const parts: string[] = [];
  if (where.runId !== undefined) parts.push(`run ${where.runId}`);
  if (where.workflow !== undefined) parts.push(`workflow ${where.workflow}`);
  if (where.step !== undefined) parts.push(`step ${where.step}`);
  if (where.position !== undefined) parts.push(`position ${where.position}`);
  if (where.file !== undefined) {
    const line = where.line === undefined ? "" : `:${where.line}`;
    const column = where.line === undefined || where.column === undefined ? "" : `:${where.column}`;
    parts.push(`${where.file}${line}${column}`);
  }
  return parts.join(", ");
}
