import { InvariantError } from "@perdure/errors";

/**
 * Reads internal slots. The getters of the built-in prototypes throw on anything that lacks the slot, whatever realm
 * it comes from, so that they tell a real `Map` from an object that says it is one; `instanceof` does neither.
 */

/** The getter of a built-in prototype as a function of its receiver. */
export function getterOf(prototype: object, key: PropertyKey): (receiver: unknown) => unknown {
  const get = Object.getOwnPropertyDescriptor(prototype, key)?.get;
  if (get === undefined) throw new InvariantError(`A built-in prototype has no getter ${String(key)}.`);
  return (receiver) => Reflect.apply(get, receiver, []);
}

/** How many prototypes there are above a value: 2 for a `Map`, 3 for an instance of a class that extends `Map`. */
export function prototypeCount(value: object): number {
  let count = 0;
  let prototype: unknown = Object.getPrototypeOf(value);
  while (prototype !== null && count < maxPrototypes) {
    count++;
    prototype = Object.getPrototypeOf(prototype);
  }
  return count;
}

// A Proxy can pretend to have prototypes without end.
const maxPrototypes = 64;
