/** Tables of parts that no encoder writes: made from the format's own words, put together in every way. */

import { canaryCall } from "./canary.ts";
import type { Chance } from "./chance.ts";
import { makeText, propertyNames } from "./leaf-values.ts";

/** A parsed text of the codec: entry 0 is the root, entries refer to others by index. */
export type Table = unknown[];

/** Every tag of the format. */
const knownTags: readonly string[] = [
  ...["Map", "Set", "null", "Error", "ArrayBuffer", "Object", "Date", "RegExp", "BigInt", "URL", "URLSearchParams"],
  ...["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Float16Array", "Int32Array"],
  ...["Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "DataView"],
];

/** Names that are no tag of the format. */
const otherTags: readonly string[] = [
  ...[
    "Temporal.Instant",
    "NodeBuffer",
    "Promise",
    "Function",
    "eval",
    "constructor",
    "__proto__",
    "toString",
    "",
    "Array",
  ],
];

/** A tag, rarely one that the format does not have. */
export function makeTag(chance: Chance): string {
  return chance.pick(chance.oneIn(30) ? otherTags : knownTags);
}

const errorClasses: readonly string[] = [
  ...[
    "Error",
    "TypeError",
    "AggregateError",
    "SuppressedError",
    "DOMException",
    "Object",
    "Function",
    "__proto__",
    "eval",
  ],
];

const errorFields: readonly string[] = [
  ...["stack", "code", "cause", "errors", "error", "suppressed", "own", "__proto__", "constructor", "extra", "0"],
];

const sources: readonly string[] = [
  ...["(", "a", "(?:", "[", "\\", "(a+)+$", "\\p{L}", "\\p{RGI_Emoji}", "[a-\u{1f600}]", "(?<n>", "\\k<n>", "{9}", "|"],
  canaryCall,
];

const specials: readonly number[] = [-1, -2, -3, -4, -5, -6, -7];

/** A reference into a table of this size: mostly to what is there. */
export function makeRef(chance: Chance, size: number): unknown {
  switch (chance.below(100)) {
    case 0:
      return chance.oneIn(3) ? chance.pick(specials) : chance.below(size);
    case 1:
      return chance.pick([size, size + 1, -8, 0.5, 1e300, 2 ** 31, 2 ** 32, -0.5, "0", null, true, {}, [0]]);
    default:
      return chance.oneIn(10) ? chance.pick([-1, -3, -4, -5, -6]) : chance.below(size);
  }
}

/** A name of a property, rarely one that must be refused. */
export function makeName(chance: Chance): string {
  return chance.oneIn(80) ? "__proto__" : chance.pick(propertyNames);
}

/** An object as `JSON.parse` gives it: `__proto__` is a property of its own. */
export function recordOf(entries: readonly (readonly [string, unknown])[]): object {
  const record = {};
  for (const [key, value] of entries) {
    Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return record;
}

/** A text for the tags that are written as one. */
function makeTagText(chance: Chance, tag: string): unknown {
  if (chance.oneIn(30)) return chance.pick([5, null, true, undefined, {}, [], ""]);
  switch (tag) {
    case "Date":
      return chance.pick([
        "2020-01-01T00:00:00.000Z",
        "",
        "2020-01-01",
        "+275760-09-13T00:00:00.000Z",
        "Infinity",
        "0",
      ]);
    case "BigInt":
      return chance.pick(["1", "-1", "0x10", "-", " 1", "1n", "007", "9".repeat(chance.magnitude(1, 20_000))]);
    case "URL":
      return chance.pick([
        "http://a/",
        "a:",
        "http://é.example/../%00",
        "//a",
        "http://a:99999/",
        "file:///..",
        makeText(chance),
      ]);
    default:
      return makeText(chance);
  }
}

/** One entry of any form. */
export function makeEntry(chance: Chance, size: number): unknown {
  const refs = (): unknown[] => chance.list(5, () => makeRef(chance, size));
  switch (chance.below(10)) {
    case 0:
      return refs();
    case 1:
      return recordOf(chance.list(5, () => [makeName(chance), makeRef(chance, size)] as const));
    case 2:
      return makeText(chance);
    case 3:
      return chance.pick([0, 1, -1, 0.5, 1e308, true, false, null, "Error", "TypeError", "FATAL", canaryCall]);
    case 4:
      return makeSparse(chance, size);
    case 5:
      return ["null", ...chance.list(4, () => [makeName(chance), makeRef(chance, size)]).flat()];
    case 6:
      return makeErrorRecord(chance, size);
    case 7:
      return [
        "RegExp",
        chance.list(6, () => chance.pick(sources)).join(""),
        chance.pick(["", "u", "iv", "gy", "qq", "uv", 5]),
      ];
    default:
      return makeTagged(chance, size);
  }
}

function makeSparse(chance: Chance, size: number): unknown[] {
  const length = chance.pick([0, 3, 1_000, 100_000, 100_003, 2 ** 32 - 1, 2 ** 32, -1, 0.5, "3"]);
  const elements = chance.list(4, (index) => [chance.oneIn(4) ? chance.below(1_000) : index, makeRef(chance, size)]);
  const entry = [-7, length, ...elements.flat()];
  return chance.oneIn(10) ? entry.slice(0, -1) : entry;
}

function makeErrorRecord(chance: Chance, size: number): object {
  const fixed = ["class", "name", "message"].map((key) => [key, makeRef(chance, size)] as const);
  return recordOf([...fixed, ...chance.list(4, () => [chance.pick(errorFields), makeRef(chance, size)] as const)]);
}

function makeTagged(chance: Chance, size: number): unknown[] {
  const tag = makeTag(chance);
  if (["Date", "BigInt", "URL", "URLSearchParams"].includes(tag)) return [tag, makeTagText(chance, tag)];
  const bounds =
    tag.endsWith("Array") || tag === "DataView" ? chance.list(2, () => chance.pick([0, 1, 8, 2 ** 53, -1, 0.5])) : [];
  return [
    tag,
    makeRef(chance, size),
    ...bounds,
    ...(chance.oneIn(3) ? chance.list(3, () => makeRef(chance, size)) : []),
  ];
}

/** An error with a whole record, at this place of a table: the entry, its record, its class. */
function errorEntries(chance: Chance, at: number, size: number): unknown[] {
  const others = chance.list(4, () => [chance.pick(errorFields), makeRef(chance, size)] as const);
  const text = at + 2;
  const record = recordOf([["class", text], ["name", text], ["message", text], ...others]);
  return [["Error", at + 1], record, chance.pick(errorClasses)];
}

/** A whole table; nearly always every entry is referred to, as the format asks. */
export function makeTable(chance: Chance): Table {
  const size = 2 + chance.below(14);
  const table: Table = [[]];
  while (table.length < size) {
    if (chance.oneIn(4) && table.length + 3 <= size) table.push(...errorEntries(chance, table.length, size));
    else table.push(makeEntry(chance, size));
  }
  const rest = Array.from({ length: size - 1 }, (_, index) => index + 1);
  table[0] = chance.oneIn(12) ? makeEntry(chance, size) : rest;
  return table;
}
