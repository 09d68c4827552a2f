/**
 * Properties whose names are indices, such as `"1023"`. V8 keeps a slot for every index below the highest of an object
 * that has no gap of 1,024, so that `{"1023":1}` takes 12 KB. An object with gaps is made to keep them in a table.
 */

// V8 gives an object that has this index a table of elements for good.
const farIndex = 2 ** 32 - 2;
const indexName = /^(?:0|[1-9][0-9]{0,9})$/;
// Below it, unused slots take no more than the object itself.
const denseIndex = 16;

/** True for a name after which an object with a single such property would mostly hold unused slots. */
export function isFarIndex(name: string): boolean {
  return name.length > 1 && indexName.test(name) && Number(name) >= denseIndex;
}

/** Defines an own property like an assignment does; a far index that follows a gap takes no room for the gap. */
export function defineSparsely(target: object, key: PropertyKey, value: unknown): void {
  const isAfterGap = typeof key === "string" && isFarIndex(key) && !Object.hasOwn(target, Number(key) - 1);
  if (isAfterGap && !Object.hasOwn(target, farIndex)) {
    Object.defineProperty(target, farIndex, { value: undefined, configurable: true });
    Reflect.deleteProperty(target, farIndex);
  }
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}
