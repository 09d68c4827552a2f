/** Keeps watch over what every object of the process inherits from: nothing that is read may change it. */

const generatorPrototype = Object.getPrototypeOf(function* generator() {}) as object;

const watched: readonly object[] = [
  ...[Object, Array, Function, Map, Set, WeakMap, WeakSet, Error, TypeError, AggregateError, RegExp, Date, Promise],
  ...[String, Number, Boolean, BigInt, Symbol, ArrayBuffer, DataView, Uint8Array, Float64Array, BigInt64Array],
  ...[URL, URLSearchParams, DOMException],
].flatMap((type) => [type, type.prototype]);

const unnamed: readonly object[] = [
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Object.getPrototypeOf([][Symbol.iterator]()) as object,
  Object.getPrototypeOf(new Map()[Symbol.iterator]()) as object,
  generatorPrototype,
  JSON,
  Reflect,
  Math,
];

interface Snapshot {
  readonly holder: object;
  readonly descriptors: ReadonlyMap<PropertyKey, PropertyDescriptor>;
}

/** What a careless reader pollutes first. */
const hottest: readonly object[] = [Object.prototype, Array.prototype, Function.prototype];

const nameCountOf = (holder: object): number => Object.getOwnPropertyNames(holder).length;

/** The state of the prototypes when it was made. */
export class PrototypeWatch {
  readonly #snapshots: readonly Snapshot[] = [...watched, ...unnamed].map(snapshotOf);
  readonly #hotCounts: readonly number[] = hottest.map(nameCountOf);
  readonly #globals: ReadonlySet<PropertyKey> = new Set(Reflect.ownKeys(globalThis));

  /** Says whether a property was added where everything inherits it: fast enough for every execution. */
  hasNewNames(): boolean {
    return hottest.some((holder, index) => nameCountOf(holder) !== this.#hotCounts[index]);
  }

  /** Compares every property, and puts back what was changed. Gives the names of the changed ones. */
  restore(): string[] {
    const newGlobals = Reflect.ownKeys(globalThis).filter((key) => !this.#globals.has(key));
    for (const key of newGlobals) Reflect.deleteProperty(globalThis, key);
    return [...newGlobals.map(String), ...this.#snapshots.flatMap(restoreOne)];
  }
}

function snapshotOf(holder: object): Snapshot {
  const keys = Reflect.ownKeys(holder);
  const descriptors = new Map(keys.map((key) => [key, Object.getOwnPropertyDescriptor(holder, key) ?? {}]));
  return { holder, descriptors };
}

function restoreOne({ holder, descriptors }: Snapshot): string[] {
  const changed: string[] = [];
  for (const key of Reflect.ownKeys(holder)) {
    if (descriptors.has(key)) continue;
    changed.push(String(key));
    Reflect.deleteProperty(holder, key);
  }
  for (const [key, before] of descriptors) {
    const now = Object.getOwnPropertyDescriptor(holder, key);
    if (now !== undefined && Object.is(now.value, before.value) && now.get === before.get && now.set === before.set)
      continue;
    changed.push(String(key));
    Object.defineProperty(holder, key, before);
  }
  return changed;
}
