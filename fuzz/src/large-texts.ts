/**
 * Texts of 64 KiB to 1 MiB that are made to cost more than their length: parts that are repeated with what they refer to
 * in common, entries that are widened, chains, and single parts without end.
 */
import type { Chance } from "./chance.ts";
import { makeEntry, makeTable, recordOf, type Table } from "./hostile-tables.ts";
import { shifted } from "./mutate-tables.ts";

const smallest = 64 * 1024;
const largest = 1024 * 1024;

/** A text for the codec. `base` is the table of a valid value without blobs. */
export function makeLargeText(chance: Chance, base: Table): string {
  const length = chance.magnitude(smallest, largest);
  switch (chance.below(8)) {
    case 0:
      return longPart(chance, length);
    case 1:
      return chain(chance, Math.min(length / 8, chance.magnitude(900, 100_000)));
    case 2:
      return outline(chance, length);
    case 3:
      return repeatedLeaf(chance, length);
    default:
      return repeatedParts(chance, chance.oneIn(2) ? base : makeTable(chance), length);
  }
}

function longPart(chance: Chance, length: number): string {
  const unit = chance.pick([
    "9",
    "a",
    "(",
    "\\\\p{L}",
    "é",
    "a.",
    "a/../",
    "xn--a",
    "\\u0000",
    "%00",
    "=&",
    '\\"',
    "\\ud800",
    " ",
  ]);
  const text = unit.repeat(length / unit.length);
  const tag = chance.pick(["BigInt", "RegExp", "URL", "URLSearchParams", "Date", "Temporal.Instant", "x"]);
  const prefix = tag === "URL" ? chance.pick(["http://", "http://a/", "a:", "file:///", "http://a?"]) : "";
  return chance.pick([`[["${tag}","${prefix}${text}"]]`, `["${text}"]`, `[{"${text}":-1}]`, `["${text}`, `[${text}]`]);
}

function chain(chance: Chance, depth: number): string {
  const link = chance.pick<(next: number) => unknown>([
    (next) => [next],
    (next) => ["Map", next, -1],
    (next) => ["Map", -1, next],
    (next) => ["Set", next],
    (next) => ["null", "a", next],
    (next) => [-7, 5, 3, next],
    (next) => recordOf([["a", next]]),
    (next) => ["Error", next],
    (next) => ["Object", next],
    (next) => [next, 0],
    (next) => (next % 2 === 1 ? ["Error", next] : { class: 1e9, name: 1, message: 1, cause: next }),
  ]);
  const table: Table = Array.from({ length: depth }, (_, index) => link(index + 1));
  return JSON.stringify([...table, 1]);
}

function outline(chance: Chance, length: number): string {
  const unit = chance.pick(["[", "{", "[],", "{},", "-1,", "0,", '"",', '{"":', '[{"a":', '\\"', "\\", '"', "[[", "]"]);
  const text = unit.repeat(length / unit.length);
  return chance.pick([text, `[${text}`, `[${text}0]`, `[[${text}0],1]`, `["${text}`]);
}

/** A list of leaves that all differ, as text: objects with far indices would fill the heap before they are read. */
function repeatedLeaf(chance: Chance, length: number): string {
  const make = chance.pick<(index: number) => string>([
    (index) => `["RegExp","${index}","u"]`,
    (index) => `["RegExp","\\\\p{L}{${index}}","u"]`,
    (index) => `["RegExp","${"[a-\u{1f600}]".repeat(20)}${index}","iv"]`,
    (index) => `["BigInt","${index}${"9".repeat(5_000)}"]`,
    (index) => `["Date","${new Date(index).toISOString()}"]`,
    (index) => `["URL","http://a${index}/"]`,
    (index) => `["URLSearchParams","${index}"]`,
    (index) => `{"${1023 - (index % 500)}":-1}`,
    (index) => `["null","${1023 - (index % 500)}",-1]`,
    (index) => `[-7,${100_000 - (index % 100)},5,-1]`,
    (index) => `["Object",${index}]`,
    (index) => `${index * 2 ** 32}`,
    (index) => `"${index}"`,
  ]);
  const count = Math.max(2, Math.floor(length / (make(1_000).length + 7)));
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  return `[[${numbers.join()}],${numbers.map(make).join()}]`;
}

/** Some entries of the table again and again, what they refer to in common or their own; one entry widened before. */
function repeatedParts(chance: Chance, base: Table, length: number): string {
  const table = base.slice(0, 40);
  if (chance.oneIn(2)) widen(table, chance, length / 2);
  const shared = chance.oneIn(2);
  const from = chance.below(table.length);
  const unit = shared ? table.slice(from, from + 1 + chance.below(2)) : table;
  const sample = JSON.stringify(unit).length + 8 * unit.length;
  const root: number[] = [1];
  const result: Table = [root, ...shifted(table, 1)];
  let text = JSON.stringify(result).length;
  while (text < length) {
    const start = result.length;
    result.push(...shifted(unit, shared ? 1 : start));
    for (let index = 0; index < unit.length; index++) root.push(start + index);
    text += sample + 4;
  }
  return JSON.stringify(result);
}

/** Gives one entry as many parts as fit into the length. */
function widen(table: Table, chance: Chance, length: number): void {
  const at = chance.below(table.length);
  const entry = table[at] ?? makeEntry(chance, table.length);
  const count = Math.floor(length / 12);
  if (Array.isArray(entry)) {
    const isNamed = entry[0] === "null";
    const more = Array.from({ length: count }, (_, index) => (isNamed && index % 2 === 0 ? `k${index}` : -1));
    table[at] = [...entry, ...more.slice(0, count - (count % 2))];
  } else if (typeof entry === "object" && entry !== null) {
    const more = Array.from({ length: count }, (_, index) => [`k${index}`, -1] as const);
    table[at] = recordOf([...Object.entries(entry), ...more]);
  } else table[at] = "x".repeat(length);
}
