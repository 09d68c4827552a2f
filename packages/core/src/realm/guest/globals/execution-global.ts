/**
 * The `globalThis` of one execution: it sees every global, and what the program writes to it stays its own.
 *
 * The realm's own global is frozen, and assigning to an inherited read-only property fails; so an object with accessors
 * stands in between. Names without `globalThis.` in front are found in the realm's global directly, and fast.
 */

let base: object | null = null;

/** A global object for one execution. */
export function createExecutionGlobal(): object {
  base ??= createBase();
  return Object.create(base) as object;
}

/** To be called before the realm is frozen. */
export function prepareExecutionGlobal(): object {
  base ??= createBase();
  return base;
}

function createBase(): object {
  const shared = Object.create(globalThis) as object;
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    const isSelf = name === "globalThis";
    const value: unknown = Reflect.get(globalThis, name);
    Object.defineProperty(shared, name, accessorFor(name, isSelf ? null : { value }));
  }
  for (const name of ["self", "global"]) Object.defineProperty(shared, name, accessorFor(name, null));
  return shared;
}

/** Reads as the value, or as the global itself; assigning defines an own property of whoever is assigned to. */
function accessorFor(name: string, constant: { readonly value: unknown } | null): PropertyDescriptor {
  return {
    get(this: unknown): unknown {
      return constant === null ? this : constant.value;
    },
    set(this: object, value: unknown): void {
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
    enumerable: false,
    configurable: false,
  };
}
