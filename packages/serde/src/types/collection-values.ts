import { getterOf } from "../intrinsics.ts";

/** Map and Set, read through the built-in iterators: an overridden `Symbol.iterator` is not asked. */

const mapSize = getterOf(Map.prototype, "size");
const setSize = getterOf(Set.prototype, "size");
const mapEntries = Map.prototype.entries;
const setValues = Set.prototype.values;

/** Throws unless the value has the internal slot that its tag promises. */
export const collectionBrands: Readonly<Record<string, (value: unknown) => unknown>> = { Map: mapSize, Set: setSize };

/** The entries in insertion order. */
export function entriesOfMap(map: object): MapIterator<[unknown, unknown]> {
  return Reflect.apply(mapEntries, map, []);
}

/** The elements in insertion order. */
export function elementsOfSet(set: object): SetIterator<unknown> {
  return Reflect.apply(setValues, set, []);
}
