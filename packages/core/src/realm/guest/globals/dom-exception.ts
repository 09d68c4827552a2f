/** `DOMException`, which a bare realm lacks (Web IDL, section 2.8.1). */
import { defineGlobal } from "./define.ts";

const legacyCodes: Readonly<Record<string, number>> = {
  IndexSizeError: 1,
  NotFoundError: 8,
  NotSupportedError: 9,
  InUseAttributeError: 10,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidModificationError: 13,
  InvalidCharacterError: 5,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  URLMismatchError: 21,
  QuotaExceededError: 22,
  TimeoutError: 23,
  DataCloneError: 25,
};

class RealmDOMException extends Error {
  /** The number that older programs compare; 0 for names that came later. */
  readonly code: number;

  constructor(message = "", options: string | { readonly name?: string; readonly cause?: unknown } = "Error") {
    const { name = "Error", cause } = typeof options === "string" ? { name: options } : options;
    super(message, cause === undefined ? undefined : { cause });
    Object.defineProperty(this, "name", { value: name, writable: true, configurable: true });
    this.code = Object.hasOwn(legacyCodes, name) ? (legacyCodes[name] ?? 0) : 0;
    Object.defineProperty(this, "code", { enumerable: false });
  }

  get [Symbol.toStringTag](): string {
    return "DOMException";
  }
}
Object.defineProperty(RealmDOMException, "name", { value: "DOMException" });

export { RealmDOMException as DOMException };

export function installDOMException(): void {
  defineGlobal("DOMException", RealmDOMException);
}
