/** What callers hand to the client API, checked before anything is done: a misspelt option must not be lost in silence. Pure. */
import { InvalidArgumentError, nearestName } from "@perdure/errors";

/** What a value must be, as a sentence's end, when it is not; null when it fits. */
export type Check = (value: unknown) => string | null;

/** Takes everything. */
export const anything: Check = () => null;

/** Takes a text that is not empty. */
export const someText: Check = (value) =>
  typeof value === "string" && value !== "" ? null : "a text that is not empty";

/**
 * Throws `InvalidArgumentError` unless the options of a call are an object that holds known names alone, each with a fitting value.
 * `undefined` stands for an option that is left out.
 */
export function checkOptions(call: string, options: unknown, known: Readonly<Record<string, Check>>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new InvalidArgumentError(`${call}: the options`, "an object", describeValue(options));
  }
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(known, name) ? known[name] : undefined;
    if (check === undefined) throw unknownOption(call, name, Object.keys(known));
    const expected = value === undefined ? null : check(value);
    if (expected !== null) throw new InvalidArgumentError(`${call}: "${name}"`, expected, describeValue(value));
  }
}

function unknownOption(call: string, name: string, known: readonly string[]): InvalidArgumentError {
  const nearest = nearestName(name, known);
  const guess = nearest === null ? "" : `Did you mean "${nearest}"?`;
  const expected = `one of ${known.map((each) => `"${each}"`).join(", ")}`;
  return new InvalidArgumentError(`${call}: an option`, expected, `"${name}"`, guess === "" ? {} : { hint: guess });
}

/** The kind of a value, never its content: it may be a payload or a secret. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value === "") return "an empty text";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "function") return value.name === "" ? "a function" : `the function ${value.name}`;
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
