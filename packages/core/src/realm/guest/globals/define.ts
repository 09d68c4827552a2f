/** Defining properties the way the language defines its own: writable until hardened, configurable, not enumerable. */

/** Sets a property of a built-in object. */
export function defineHidden(target: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

/** Sets a global. */
export function defineGlobal(name: string, value: unknown): void {
  defineHidden(globalThis, name, value);
}

/** Replaces methods of a built-in object; each keeps the name and the length that the program may look at. */
export function replaceMethods(target: object, methods: Readonly<Record<string, (...args: never[]) => unknown>>): void {
  for (const [name, method] of Object.entries(methods)) {
    const native: unknown = (target as Readonly<Record<string, unknown>>)[name];
    const length = typeof native === "function" ? native.length : method.length;
    Object.defineProperty(method, "length", { value: length, configurable: true });
    defineHidden(target, name, method);
  }
}

type AnyFunction = (...args: never[]) => unknown;

/**
 * Puts `replacement` in the place of a built-in constructor: same name, same length, same prototype object, so that
 * `instanceof` and `value.constructor` hold for every instance, however it was made.
 */
export function replaceConstructor(native: AnyFunction, replacement: AnyFunction, holder: object = globalThis): void {
  Object.defineProperty(replacement, "name", { value: native.name, configurable: true });
  Object.defineProperty(replacement, "length", { value: native.length, configurable: true });
  const prototype = native.prototype as object;
  Object.defineProperty(replacement, "prototype", {
    value: prototype,
    writable: false,
    enumerable: false,
    configurable: false,
  });
  Object.defineProperty(prototype, "constructor", { ...constructorAttributes(prototype), value: replacement });
  if (Object.hasOwn(holder, native.name)) defineHidden(holder, native.name, replacement);
}

// Generator functions' prototypes have a read-only `constructor`; it stays so.
function constructorAttributes(prototype: object): PropertyDescriptor {
  const { writable = true } = Object.getOwnPropertyDescriptor(prototype, "constructor") ?? {};
  return { writable, enumerable: false, configurable: true };
}
