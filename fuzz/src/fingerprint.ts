/** A text that is equal for two values when there is a one-to-one map between their parts, identity included. */
import { codeOf } from "@perdure/errors";

/** Met in a decoded value, where only data can be. */
export class FoundCode extends Error {
  override name = "FoundCode";
}

/** The text of a value. Throws {@link FoundCode} when a function, a symbol or an accessor is part of it. */
export function fingerprint(root: unknown): string {
  return new Fingerprint().of(root);
}

class Fingerprint {
  readonly #ids = new Map<object, number>();
  readonly #lines: string[] = [];
  /** For each buffer the offset of the view on it that was met first: what counts is how views lie to each other. */
  readonly #bases = new Map<ArrayBufferLike, number>();

  of(root: unknown): string {
    const first = this.#visit(root);
    return `${first}\n${this.#lines.join("\n")}`;
  }

  #visit(value: unknown): string {
    if (typeof value === "function" || typeof value === "symbol") throw new FoundCode(`a ${typeof value}`);
    if (typeof value !== "object" || value === null) return primitiveText(value);
    const known = this.#ids.get(value);
    if (known !== undefined) return `#${known}`;
    const id = this.#ids.size;
    this.#ids.set(value, id);
    this.#lines.push(`#${id} ${headOf(value)} ${this.#contentOf(value)}`);
    return `#${id}`;
  }

  #contentOf(value: object): string {
    if (ArrayBuffer.isView(value)) return this.#viewText(value);
    if (value instanceof ArrayBuffer) return Buffer.from(value).toString("base64");
    if (value instanceof Map) return this.#all([...value].flat());
    if (value instanceof Set) return this.#all([...value]);
    if (value instanceof Error || value instanceof DOMException) return this.#errorText(value);
    const text = leafText(value);
    if (text !== undefined) return text;
    const length = Array.isArray(value) ? `${value.length}:` : "";
    return length + this.#properties(value, Object.keys(value));
  }

  #viewText(view: ArrayBufferView): string {
    const base = this.#bases.get(view.buffer) ?? view.byteOffset;
    this.#bases.set(view.buffer, base);
    const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString("base64");
    // An empty view may lie anywhere.
    const place = view.byteLength === 0 ? "" : `${view.byteOffset - base}@${this.#bufferId(view.buffer)}`;
    return `${bytes} ${place}`;
  }

  #bufferId(buffer: ArrayBufferLike): string {
    let id = this.#ids.get(buffer);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(buffer, id);
    }
    return `#${id}`;
  }

  #errorText(error: Error): string {
    const hidden = ["errors", "error", "suppressed", "cause"].filter((key) => Object.hasOwn(error, key));
    const shown = Object.keys(error).filter((key) => !hidden.includes(key) && key !== "stack" && key !== "message");
    const fixed = [error.name, error.message, error.stack].map((text) => this.#visit(text));
    return `${codeOf(error)} ${fixed.join("|")} ${this.#properties(error, hidden)} ${this.#properties(error, shown)}`;
  }

  #properties(target: object, keys: readonly string[]): string {
    return keys
      .map((key) => {
        const descriptor = Object.getOwnPropertyDescriptor(target, key);
        if (descriptor === undefined || !("value" in descriptor)) throw new FoundCode("an accessor");
        return `${JSON.stringify(key)}=${this.#visit(descriptor.value)}`;
      })
      .join("|");
  }

  #all(values: readonly unknown[]): string {
    return values.map((value) => this.#visit(value)).join("|");
  }
}

function primitiveText(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  return `${typeof value} ${Object.is(value, -0) ? "-0" : String(value)}`;
}

function headOf(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return "null";
  return (prototype as { readonly constructor: { readonly name: string } }).constructor.name;
}

function leafText(value: object): string | undefined {
  if (value instanceof Date) return String(value.getTime());
  if (value instanceof URL || value instanceof URLSearchParams) return JSON.stringify(String(value));
  if (value instanceof RegExp) return JSON.stringify([value.source, value.flags]);
  const isBox =
    value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt;
  return isBox ? primitiveText(value.valueOf()) : undefined;
}
