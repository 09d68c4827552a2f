/** Values without parts: primitives, and objects that are written as one text. */

import { canaryCall } from "./canary.ts";
import type { Chance } from "./chance.ts";

/** Texts that a careless reader would treat as more than text. */
const pointedTexts: readonly string[] = [
  ...["", "a", "0", "-1", "[", '["Map"]', '"', "\\", "\\u0000", "\0", "\n", "\u2028", "<script>", "é", "😀", "\ufeff"],
  ...["\ud800", "\udfff", "x\udc00y", "\ufffd", "__proto__", "constructor", "prototype", "toString", "then", "toJSON"],
  ...[
    "2020-01-01T00:00:00.000Z",
    "javascript:void 0",
    "Error",
    "DOMException",
    "AggregateError",
    "FATAL",
    "UNDECODABLE",
  ],
  canaryCall,
];

/** Names of properties: common, inherited, index-like, and none that encoding refuses. */
export const propertyNames: readonly string[] = [
  ...[
    "a",
    "b",
    "c",
    "",
    " ",
    "é",
    "\ud800",
    "name",
    "message",
    "errors",
    "error",
    "suppressed",
    "code",
    "own",
    "class",
  ],
  ...[
    "constructor",
    "toString",
    "valueOf",
    "hasOwnProperty",
    "__defineGetter__",
    "then",
    "toJSON",
    "length",
    "prototype",
  ],
  ...["0", "1", "2", "15", "16", "17", "1023", "1024", "4294967294", "4294967295", "4294967296", "01", "-1", "1.5"],
];

const numbers: readonly number[] = [
  ...[0, -0, 1, -1, 0.1, 1e21, 5e-324, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 1e308],
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];

const regExps: readonly (readonly [source: string, flags: string])[] = [
  ["(?:)", ""],
  ["a", "g"],
  [String.raw`\/[/]"\\`, "u"],
  [String.raw`\p{L}+`, "u"],
  [String.raw`[\p{L}--[a-z]]`, "v"],
  [String.raw`(?<year>\d{4})-\k<year>`, "dy"],
  [String.raw`\n\u2028`, "ms"],
  ["^(a+)+$", ""],
  ["é😀", "iu"],
  ["[^]", ""],
];

const urls: readonly string[] = [
  ...[
    "http://a/",
    "https://user:pass@example.com:8443/p/../q?x=1&y=%20#h",
    "file:///C:/a b",
    "mailto:a@b",
    "data:,x y",
  ],
  ...["http://[::1]:80/", "http://xn--bcher-kva.example/%7e", "javascript:globalThis.x=1", "blob:http://a/b", "a:"],
];

/** A text: pointed, or of random characters. */
export function makeText(chance: Chance): string {
  if (chance.oneIn(2)) return chance.pick(pointedTexts);
  const range = chance.pick([0x80, 0x800, 0x10000]);
  return String.fromCharCode(...chance.list(24, () => chance.below(range)));
}

/** A text of any length up to 32 Ki, rarely long. */
function makeLongText(chance: Chance): string {
  return makeText(chance).repeat(chance.magnitude(1, 1_000));
}

function makeBigint(chance: Chance): bigint {
  const digits = chance.list(60, () => chance.below(10)).join("");
  const sign = chance.oneIn(2) ? "-" : "";
  return BigInt(digits === "" ? "0" : sign + digits);
}

function makeDate(chance: Chance): Date {
  return new Date(chance.pick([0, -1, 8.64e15, -8.64e15, Number.NaN, chance.next() * 1_000, -chance.next() * 1e5]));
}

function makeNumber(chance: Chance): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setUint32(0, chance.next());
  bits.setUint32(4, chance.next());
  return chance.pick([chance.pick(numbers), chance.below(100), chance.next() | 0, bits.getFloat64(0)]);
}

/** A primitive. */
export function makePrimitive(chance: Chance): unknown {
  switch (chance.below(8)) {
    case 0:
      return undefined;
    case 1:
      return null;
    case 2:
      return chance.oneIn(2);
    case 3:
    case 4:
      return makeNumber(chance);
    case 5:
      return makeBigint(chance);
    case 6:
      return chance.oneIn(20) ? makeLongText(chance) : makeText(chance);
    default:
      return makeText(chance);
  }
}

/** A value without parts. */
export function makeLeaf(chance: Chance): unknown {
  switch (chance.below(14)) {
    case 0:
      return makeDate(chance);
    case 1: {
      const [source, flags] = chance.pick(regExps);
      return new RegExp(source, flags);
    }
    case 2:
      return new URL(chance.pick(urls));
    case 3:
      return new URLSearchParams(makeText(chance).toWellFormed());
    case 4: {
      const content = makePrimitive(chance);
      return content === undefined || content === null ? content : Object(content);
    }
    default:
      return makePrimitive(chance);
  }
}
