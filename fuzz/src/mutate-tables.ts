/** Changes to the table of a valid value that keep it a table: references, tags, lengths, names, order, grafts. */
import type { Chance } from "./chance.ts";
import { makeEntry, makeName, makeRef, makeTag, recordOf, type Table } from "./hostile-tables.ts";
import { makeText } from "./leaf-values.ts";

type Mutation = (table: Table, chance: Chance, other: Table) => void;

const mutations: readonly Mutation[] = [
  changePart,
  changePart,
  changeTag,
  renameProperty,
  addPart,
  removePart,
  swapEntries,
  copyEntry,
  dropEntry,
  replaceEntry,
  graft,
  wrap,
];

/** Changes the table in 1 to 4 ways; `other` is the table of another value. */
export function mutateTable(table: Table, other: Table, chance: Chance): void {
  for (let count = 1 + chance.below(1 + chance.below(4)); count > 0; count--)
    chance.pick(mutations)(table, chance, other);
}

function indexOfContainer(table: Table, chance: Chance): number {
  const start = chance.below(table.length);
  for (let step = 0; step < table.length; step++) {
    const index = (start + step) % table.length;
    if (typeof table[index] === "object" && table[index] !== null) return index;
  }
  return -1;
}

function changePart(table: Table, chance: Chance): void {
  const entry = table[indexOfContainer(table, chance)];
  const value = chance.oneIn(6) ? makeText(chance) : makeRef(chance, table.length);
  if (Array.isArray(entry)) entry[chance.below(entry.length + 1)] = value;
  else if (typeof entry === "object" && entry !== null) {
    const keys = Object.keys(entry);
    if (keys.length > 0) (entry as Record<string, unknown>)[chance.pick(keys)] = value;
  }
}

function changeTag(table: Table, chance: Chance): void {
  const tagged = table.filter((entry): entry is unknown[] => Array.isArray(entry) && typeof entry[0] === "string");
  if (tagged.length > 0) chance.pick(tagged)[0] = makeTag(chance);
}

function renameProperty(table: Table, chance: Chance): void {
  const index = indexOfContainer(table, chance);
  const entry = table[index];
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return;
  const at = chance.below(Object.keys(entry).length);
  table[index] = recordOf(
    Object.entries(entry).map(([key, value], place) => [place === at ? makeName(chance) : key, value]),
  );
}

function addPart(table: Table, chance: Chance): void {
  const index = indexOfContainer(table, chance);
  const entry = table[index];
  if (Array.isArray(entry)) entry.splice(chance.below(entry.length + 1), 0, makeRef(chance, table.length));
  else if (typeof entry === "object" && entry !== null) {
    table[index] = recordOf([...Object.entries(entry), [makeName(chance), makeRef(chance, table.length)]]);
  }
}

function removePart(table: Table, chance: Chance): void {
  const entry = table[indexOfContainer(table, chance)];
  if (Array.isArray(entry)) entry.splice(chance.below(entry.length), 1);
  else if (typeof entry === "object" && entry !== null) {
    Reflect.deleteProperty(entry, chance.pick(["class", "name", "message", ...Object.keys(entry)]));
  }
}

function swapEntries(table: Table, chance: Chance): void {
  const first = chance.below(table.length);
  const second = chance.below(table.length);
  [table[first], table[second]] = [table[second], table[first]];
}

function copyEntry(table: Table, chance: Chance): void {
  table[chance.below(table.length)] = structuredClone(chance.pick(table));
}

function dropEntry(table: Table, chance: Chance): void {
  table.splice(chance.below(table.length), 1);
}

function replaceEntry(table: Table, chance: Chance): void {
  table[chance.below(table.length)] = makeEntry(chance, table.length);
}

/** Puts a part of another table behind this one, and refers to it. */
function graft(table: Table, chance: Chance, other: Table): void {
  const start = table.length;
  const part = shifted(other.slice(0, 1 + chance.below(Math.min(other.length, 30))), start);
  table.push(...part);
  const target = table[indexOfContainer(table, chance)];
  if (Array.isArray(target)) target.push(start + chance.below(part.length));
}

/** The entries with their references moved, as for a place further back in a table. */
export function shifted(entries: readonly unknown[], by: number): unknown[] {
  const move = (part: unknown): unknown => (typeof part === "number" && part >= 0 ? part + by : part);
  return entries.map((entry) => {
    if (Array.isArray(entry))
      return entry[0] === -7 ? entry.map((part, at) => (at > 2 && at % 2 === 1 ? move(part) : part)) : entry.map(move);
    if (typeof entry !== "object" || entry === null) return entry;
    return recordOf(Object.entries(entry).map(([key, part]) => [key, move(part)]));
  });
}

/** Nests the root of the table in up to a thousand more containers, some beyond the limit. */
function wrap(table: Table, chance: Chance): void {
  const depth = chance.oneIn(30) ? chance.magnitude(1, 1_200) : 1 + chance.below(4);
  const inner = table.length;
  table.push(table[0]);
  for (let level = 0; level < depth; level++)
    table.push(chance.pick([[inner + level], ["Set", inner + level], { a: inner + level }]));
  table[0] = [table.length - 1];
}
