/** `structuredClone` with the values of this realm (HTML Standard, section 2.7). */
import { defineGlobal } from "./define.ts";
import { DOMException } from "./dom-exception.ts";

export function installStructuredClone(): void {
  defineGlobal("structuredClone", function structuredClone(value: unknown, options?: CloneOptions): unknown {
    const transfer = options?.transfer === undefined ? [] : [...options.transfer];
    return new Cloner(transfer).clone(value);
  });
}

interface CloneOptions {
  readonly transfer?: Iterable<unknown>;
}

const errorClasses: Readonly<Record<string, ErrorConstructor>> = {
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/** One cloning: shared and cyclic references stay what they are. */
class Cloner {
  readonly #known = new Map<object, object>();

  constructor(transfer: readonly unknown[]) {
    for (const item of transfer) {
      if (!(item instanceof ArrayBuffer)) throw refused(item, "only an ArrayBuffer can be transferred");
      this.#known.set(item, item.transfer());
    }
  }

  clone(value: unknown): unknown {
    if (typeof value === "symbol" || typeof value === "function") throw refused(value, "it cannot be cloned");
    if (typeof value !== "object" || value === null) return value;
    return this.#known.get(value) ?? this.#cloneObject(value);
  }

  #cloneObject(value: object): object {
    const copy = this.#shell(value);
    this.#known.set(value, copy);
    if (value instanceof Map) {
      for (const [key, item] of [...value]) (copy as Map<unknown, unknown>).set(this.clone(key), this.clone(item));
    } else if (value instanceof Set) {
      for (const item of [...value]) (copy as Set<unknown>).add(this.clone(item));
    } else if (value instanceof Error) this.#copyError(value, copy);
    else if (hasPlainProperties(value)) this.#copyProperties(value, copy);
    return copy;
  }

  /** A new object of the same kind, with what is not made of other values. */
  #shell(value: object): object {
    if (Array.isArray(value)) return new Array(value.length);
    if (ArrayBuffer.isView(value)) return this.#cloneView(value);
    if (value instanceof ArrayBuffer) return value.slice(0);
    if (value instanceof Date) return new Date(value.getTime());
    if (value instanceof RegExp) return new RegExp(value.source, value.flags);
    if (value instanceof Map) return new Map();
    if (value instanceof Set) return new Set();
    if (value instanceof Error) return newError(value);
    if (isBoxed(value)) return Object(value.valueOf()) as object;
    if (isUncloneable(value)) throw refused(value, "it cannot be cloned");
    return {};
  }

  #cloneView(view: ArrayBufferView): object {
    const buffer = this.clone(view.buffer) as ArrayBuffer;
    if (view instanceof DataView) return new DataView(buffer, view.byteOffset, view.byteLength);
    const { length } = view as unknown as { readonly length: number };
    const type = Object.getPrototypeOf(view).constructor as new (...args: unknown[]) => object;
    return new type(buffer, view.byteOffset, length);
  }

  #copyError(error: Error, copy: object): void {
    for (const key of ["message", "stack", "cause"] as const) {
      if (!Object.hasOwn(error, key)) continue;
      defineHiddenValue(copy, key, key === "cause" ? this.clone(error.cause) : error[key]);
    }
  }

  #copyProperties(value: object, copy: object): void {
    for (const key of Object.keys(value)) {
      Object.defineProperty(copy, key, {
        value: this.clone((value as Readonly<Record<string, unknown>>)[key]),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
  }
}

function newError(error: Error): object {
  const type = Object.hasOwn(errorClasses, error.name) ? errorClasses[error.name] : undefined;
  const copy = new (type ?? Error)();
  if (copy.name !== error.name) defineHiddenValue(copy, "name", String(error.name));
  return copy;
}

function defineHiddenValue(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: false, configurable: true });
}

const isBoxed = (value: object): boolean =>
  value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt;

function hasPlainProperties(value: object): boolean {
  const isValueOnly =
    ArrayBuffer.isView(value) ||
    value instanceof ArrayBuffer ||
    value instanceof Date ||
    value instanceof RegExp ||
    isBoxed(value);
  return !isValueOnly;
}

const isUncloneable = (value: object): boolean =>
  value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet;

function refused(value: unknown, why: string): Error {
  const what = typeof value === "object" ? Object.prototype.toString.call(value) : typeof value;
  return new DOMException(`structuredClone was given a value of type ${what}: ${why}.`, "DataCloneError");
}
