/** Names what was found where something else was expected, for the text of an error: kinds and names, never contents. */

/** The value as a few words, such as `function cb` or `an instance of class Order`. */
export function describeFound(value: unknown): string {
  if (typeof value === "function") return describeFunction(value);
  if (typeof value === "symbol") return `a symbol (${String(value)})`;
  if (typeof value !== "object" || value === null) return `a value of type ${typeof value}`;
  try {
    return describeObject(value);
  } catch {
    return "a Proxy that is revoked or throws";
  }
}

function describeFunction(value: object): string {
  try {
    const name: unknown = Object.getOwnPropertyDescriptor(value, "name")?.value;
    const isClass = /^class\b/.test(Function.prototype.toString.call(value));
    if (typeof name !== "string" || name === "") return isClass ? "an anonymous class" : "an anonymous function";
    return `${isClass ? "class" : "function"} ${name}`;
  } catch {
    return "a function";
  }
}

function describeObject(value: object): string {
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag === "Promise") return "a promise (await it first)";
  const name = className(value);
  const isThenable = typeof (value as { readonly then?: unknown }).then === "function";
  if (isThenable) return `a thenable${name === undefined ? "" : ` of class ${name}`} (await it first)`;
  if (name === undefined || name === "Object") {
    return tag === "Object" ? "an object with a prototype of its own" : `an object of kind ${tag}`;
  }
  return builtInKinds.has(tag) && tag === name ? `a ${tag}` : `an instance of class ${name}`;
}

const builtInKinds: ReadonlySet<string> = new Set([
  "Blob",
  "File",
  "FormData",
  "Headers",
  "ReadableStream",
  "Request",
  "Response",
  "SharedArrayBuffer",
  "TransformStream",
  "WeakMap",
  "WeakRef",
  "WeakSet",
  "WritableStream",
]);

function className(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== "object" || prototype === null) return undefined;
  const type = (prototype as { readonly constructor?: unknown }).constructor;
  return typeof type === "function" && type.name !== "" ? type.name : undefined;
}
