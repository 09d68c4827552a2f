import { UndecodableError } from "@perdure/errors";
import { getterOf } from "../intrinsics.ts";
import type { CodecLimits } from "../limits.ts";
import type { TextConstructor, TypeRegistry } from "../type-registry.ts";

/** Values that are written as one text: Date, RegExp, URL, URLSearchParams, BigInt. */

const dateTime = Date.prototype.getTime;
const dateIsoText = Date.prototype.toISOString;
const regExpSource = getterOf(RegExp.prototype, "source");
const regExpFlags = getterOf(RegExp.prototype, "flags");

/** Throws unless the value has the internal slot that its tag promises. */
export const textBrands: Readonly<Record<string, (value: unknown) => unknown>> = {
  Date: (value) => Reflect.apply(dateTime, value, []),
  RegExp: regExpSource,
};

/** The ISO text of a Date, "" for the invalid one. */
export function isoTextOf(date: Date): string {
  return Number.isNaN(Reflect.apply(dateTime, date, [])) ? "" : Reflect.apply(dateIsoText, date, []);
}

/** Source and flags of a RegExp; `lastIndex` is not kept. */
export function regExpParts(regExp: RegExp): { readonly source: string; readonly flags: string } {
  return { source: regExpSource(regExp) as string, flags: regExpFlags(regExp) as string };
}

/** True for a BigInt of at most that many decimal digits; converts only those that are surely not much longer. */
export function isBigintWithin(value: bigint, digits: number): boolean {
  if (BigInt.asIntN(64, value) === value && digits >= 20) return true;
  // Hexadecimal takes linear time and never has more digits than decimal, so it rules the giants out cheaply.
  const magnitude = value < 0n ? -value : value;
  return magnitude.toString(16).length <= digits && magnitude.toString().length <= digits;
}

const bigintText = /^-?[0-9]+$/;

/** What is wrong with the recorded text of a BigInt, or `undefined` when nothing is. */
export function bigintFault(text: unknown, limits: CodecLimits): string | undefined {
  if (typeof text !== "string") return "a BigInt without text";
  const digits = text.startsWith("-") ? text.length - 1 : text.length;
  if (digits > limits.bigintDigits) return `a BigInt of ${digits} digits (the limit is ${limits.bigintDigits})`;
  return bigintText.test(text) ? undefined : "a BigInt that is not a number";
}

/** What is wrong with the recorded text of a Date, or `undefined` when nothing is. The invalid Date is written as "". */
export function dateFault(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > maxDateLength) return "a Date without an ISO text";
  if (text === "") return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) || date.toISOString() !== text ? "a Date that is not an ISO text" : undefined;
}

// "+275760-09-13T00:00:00.000Z", the longest that Date.prototype.toISOString gives.
const maxDateLength = 27;

/** Keeps the regular expressions of one value within the limits: compiling them is the dearest part of decoding. */
export class RegExpBudget {
  readonly #limits: CodecLimits;
  #length = 0;
  #properties = 0;

  constructor(limits: CodecLimits) {
    this.#limits = limits;
  }

  /** Counts one more, before it is compiled; says what is beyond a limit, or `undefined` when nothing is. */
  take(source: string, flags: string): string | undefined {
    const { regExpProperties } = this.#limits;
    const excess = this.#takeLength(source.length, source.length);
    if (excess !== undefined) return excess;
    if (flags.includes("u") || flags.includes("v")) this.#properties += countPropertyEscapes(source);
    if (this.#properties > regExpProperties) return `RegExps with more than ${regExpProperties} property escapes`;
    return undefined;
  }

  /** Counts what the source of one that was taken is longer once it is compiled: that is what will be written again. */
  grown(before: string, compiled: RegExp): string | undefined {
    const { length } = compiled.source;
    return length === before.length ? undefined : this.#takeLength(length, length - before.length);
  }

  #takeLength(length: number, added: number): string | undefined {
    const { regExpLength, regExpTotalLength } = this.#limits;
    if (length > regExpLength) return `a RegExp of ${length} characters (the limit is ${regExpLength})`;
    this.#length += added;
    if (this.#length > regExpTotalLength) return `RegExps of more than ${regExpTotalLength} characters together`;
    return undefined;
  }
}

function countPropertyEscapes(source: string): number {
  let count = 0;
  for (let at = source.indexOf("\\"); at !== -1; at = source.indexOf("\\", at + 2)) {
    const escaped = source[at + 1];
    if (escaped === "p" || escaped === "P") count++;
  }
  return count;
}

/** What is wrong with a recorded regular expression, or `undefined` when nothing is. */
export function regExpFault(source: unknown, flags: unknown, budget: RegExpBudget): string | undefined {
  if (typeof source !== "string" || (flags !== undefined && typeof flags !== "string")) {
    return "a RegExp without source or flags";
  }
  const excess = budget.take(source, flags ?? "");
  if (excess !== undefined) return excess;
  try {
    return budget.grown(source, new RegExp(source, flags));
  } catch {
    return "a RegExp that does not compile";
  }
}

/** Builds a URL or URLSearchParams with the constructor of the registry, or else of the realm. */
export function reviveTextValue(name: "URL" | "URLSearchParams", text: string, types: TypeRegistry): object {
  const type = types[name] ?? (globalThis as { readonly [key: string]: unknown })[name];
  if (typeof type !== "function") {
    throw new UndecodableError(`The value holds a ${name}, and there is no ${name} where it is being read.`);
  }
  const value = construct(type as TextConstructor, text);
  if (value === undefined) throw new UndecodableError(`The value holds a ${name} that does not parse.`);
  return value;
}

// `undefined` for a text that does not parse: the constructor's own error quotes the text.
function construct(type: TextConstructor, text: string): object | undefined {
  try {
    return new type(text);
  } catch {
    return undefined;
  }
}
