/**
 * Freezes everything that the executions of a realm share: the intrinsics, the global, and the guest's own classes.
 *
 * Freezing alone has a well-known flaw, the override mistake: assigning to `object.toString` fails when an inherited
 * `toString` is read-only, and libraries do that. So the data properties of prototypes become accessors first, whose setter
 * defines the property on the object that is assigned to.
 */

/** Freezes what is reachable from the global, from the syntax, and from `roots`. */
export function harden(roots: readonly object[]): void {
  const objects = reachable([globalThis, ...hiddenIntrinsics(), ...roots]);
  for (const object of objects) {
    if (isPrototype(object)) mendOverrides(object);
  }
  for (const object of objects) Object.freeze(object);
}

/** Prototypes that only the syntax leads to. */
function hiddenIntrinsics(): object[] {
  const samples: object[] = [
    function* generator() {},
    async function* generator() {},
    async () => {},
    [][Symbol.iterator](),
    new Map()[Symbol.iterator](),
    new Set()[Symbol.iterator](),
    ""[Symbol.iterator](),
    "".matchAll(/a/g),
    Object.getPrototypeOf(async function* generator() {}.prototype) as object,
    new Intl.Segmenter().segment(""),
    new Intl.Segmenter().segment("")[Symbol.iterator](),
  ];
  const iterators = globalThis as { readonly Iterator?: { from(iterator: object): object } };
  if (iterators.Iterator !== undefined) {
    const wrapped = iterators.Iterator.from({ next: () => ({ done: true, value: 0 }) }) as {
      map?(by: unknown): object;
    };
    samples.push(wrapped);
    if (wrapped.map !== undefined) samples.push(wrapped.map(Number));
  }
  return samples.map((sample) => Object.getPrototypeOf(sample) as object);
}

function reachable(roots: readonly object[]): Set<object> {
  const seen = new Set<object>();
  const queue: unknown[] = [...roots];
  while (queue.length > 0) {
    const next = queue.pop();
    if ((typeof next !== "object" && typeof next !== "function") || next === null || seen.has(next)) continue;
    seen.add(next);
    queue.push(Object.getPrototypeOf(next));
    for (const key of Reflect.ownKeys(next)) {
      const descriptor = Object.getOwnPropertyDescriptor(next, key);
      queue.push(descriptor?.value, descriptor?.get, descriptor?.set);
    }
  }
  return seen;
}

/** Objects that others inherit from: they have a `constructor`, or are iterator prototypes. */
function isPrototype(object: object): boolean {
  if (object === globalThis) return false;
  return Object.hasOwn(object, "constructor") || Object.hasOwn(object, "next");
}

// V8 gives iteration over arrays a fast path only while these are plain data properties; nobody assigns them on instances.
const arrayIteratorPrototype = Object.getPrototypeOf([][Symbol.iterator]()) as object;
const isHot = (holder: object, key: PropertyKey): boolean =>
  (holder === Array.prototype && key === Symbol.iterator) || (holder === arrayIteratorPrototype && key === "next");

function mendOverrides(holder: object): void {
  for (const key of Reflect.ownKeys(holder)) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, key);
    if (descriptor === undefined || !("value" in descriptor) || descriptor.configurable !== true) continue;
    if (descriptor.writable !== true || isHot(holder, key)) continue;
    Object.defineProperty(holder, key, overridable(holder, key, descriptor));
  }
}

function overridable(holder: object, key: PropertyKey, descriptor: PropertyDescriptor): PropertyDescriptor {
  const { value, enumerable = false } = descriptor;
  const accessors = {
    get: () => value as unknown,
    set(this: unknown, assigned: unknown): void {
      if (this === holder || (typeof this !== "object" && typeof this !== "function") || this === null) {
        throw new TypeError(`Cannot assign to "${String(key)}": the realm's built-in objects are read-only.`);
      }
      Object.defineProperty(this, key, { value: assigned, writable: true, enumerable: true, configurable: true });
    },
  };
  return {
    get: Object.freeze(accessors.get),
    set: Object.freeze(accessors.set),
    enumerable,
    configurable: false,
  };
}
