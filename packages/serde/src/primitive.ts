import { stringify } from "devalue";
import { endOfString } from "./json-outline.ts";
import { defaultLimits } from "./limits.ts";
import { bigintFault, isBigintWithin } from "./types/text-values.ts";

/**
 * The short way for a value that is one primitive: the same text as the codec's, without walking or building a table.
 * The host uses it to hand primitives into a realm, which needs no parsing there. What it misses, the codec judges.
 */

/** What {@link decodePrimitive} found. */
export type PrimitiveDecoding = { readonly hit: true; readonly value: unknown } | { readonly hit: false };

const miss: PrimitiveDecoding = Object.freeze({ hit: false });

const fixedTexts: ReadonlyMap<string, PrimitiveDecoding> = new Map<string, PrimitiveDecoding>([
  ["-1", { hit: true, value: undefined }],
  ["-3", { hit: true, value: Number.NaN }],
  ["-4", { hit: true, value: Number.POSITIVE_INFINITY }],
  ["-5", { hit: true, value: Number.NEGATIVE_INFINITY }],
  ["-6", { hit: true, value: -0 }],
  ["[null]", { hit: true, value: null }],
  ["[true]", { hit: true, value: true }],
  ["[false]", { hit: true, value: false }],
]);

/** The text of a primitive, equal to what `encode` gives, or `undefined` for anything else and beyond the limits. */
export function encodePrimitive(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return encodeString(value);
    case "number":
      return encodeNumber(value);
    case "boolean":
      return value ? "[true]" : "[false]";
    case "undefined":
      return "-1";
    case "bigint":
      return isBigintWithin(value, defaultLimits.bigintDigits) ? `[["BigInt","${value}"]]` : undefined;
    case "object":
      return value === null ? "[null]" : undefined;
    default:
      return undefined;
  }
}

function encodeNumber(value: number): string {
  if (Number.isNaN(value)) return "-3";
  if (value === Number.POSITIVE_INFINITY) return "-4";
  if (value === Number.NEGATIVE_INFINITY) return "-5";
  if (value === 0 && 1 / value < 0) return "-6";
  return `[${value}]`;
}

// Letters, digits and the punctuation that no JSON writer escapes; everything else is left to devalue.
const needsNoEscape = /^[ !#-;=-[\]-~]*$/;

function encodeString(value: string): string | undefined {
  // Six characters is the longest escape of one UTF-16 code unit, four are the brackets and quotes.
  if (value.length * 6 + 4 > defaultLimits.textLength) return undefined;
  return needsNoEscape.test(value) ? `["${value}"]` : stringify(value);
}

/** The primitive that the text stands for, or a miss for anything else, malformed text included. */
export function decodePrimitive(text: string): PrimitiveDecoding {
  const fixed = fixedTexts.get(text);
  if (fixed !== undefined) return fixed;
  if (text.charCodeAt(0) !== openBracket || text.length > defaultLimits.textLength) return miss;
  const first = text.charCodeAt(1);
  if (first === openBracket) return decodeBigint(text);
  // Only a text that can be nothing but one primitive is parsed here: what else a large one holds was not looked at.
  const isOne = first === quote ? endOfString(text, 1) === text.length - 2 : text.length <= maxNumberLength;
  return isOne ? decodeJsonPrimitive(text) : miss;
}

const openBracket = 0x5b;
const quote = 0x22;
// No number is written with more than 24 characters.
const maxNumberLength = 32;

function decodeJsonPrimitive(text: string): PrimitiveDecoding {
  let table: unknown;
  try {
    table = JSON.parse(text);
  } catch {
    return miss;
  }
  if (!Array.isArray(table) || table.length !== 1) return miss;
  const value: unknown = table[0];
  return typeof value === "string" || typeof value === "number" ? { hit: true, value } : miss;
}

const bigintTable = /^\[\["BigInt","(-?[0-9]+)"\]\]$/;

function decodeBigint(text: string): PrimitiveDecoding {
  if (text.length > defaultLimits.bigintDigits + bigintFrame) return miss;
  const digits = bigintTable.exec(text)?.[1];
  if (digits === undefined || bigintFault(digits, defaultLimits) !== undefined) return miss;
  return { hit: true, value: BigInt(digits) };
}

// The characters around the digits, and a sign.
const bigintFrame = 16;
