/**
 * `Intl` and the methods that use it, with the run's locale and time zone where the program gives none, and the log clock
 * where it formats the present. What the texts look like is up to the ICU of the Node that runs: it changes between
 * versions.
 */
import { currentOrNull } from "../orchestrator-context.ts";
import { replaceConstructor, replaceMethods } from "./define.ts";

/** The locale of the run that is being delivered to. */
export const currentLocale = (): string => currentOrNull()?.locale ?? "en-US";

const currentTimeZone = (): string => currentOrNull()?.timeZone ?? "UTC";

/** The options with the run's time zone, unless they name one. */
export function withTimeZone(options: unknown): unknown {
  if (options === null) return options;
  const given = options === undefined ? {} : (Object(options) as { readonly timeZone?: unknown });
  return given.timeZone === undefined ? Object.create(given, { timeZone: { value: currentTimeZone() } }) : given;
}

type IntlConstructor = (...args: never[]) => object;

export function installIntl(): void {
  for (const name of Object.getOwnPropertyNames(Intl)) {
    const native: unknown = Reflect.get(Intl, name);
    if (typeof native !== "function" || name === "Locale" || !("prototype" in native)) continue;
    if (name === "DateTimeFormat") installDateTimeFormat(native as IntlConstructor);
    else wrapConstructor(native as IntlConstructor, (options) => options);
  }
  installMethods();
}

function wrapConstructor(native: IntlConstructor, adapt: (options: unknown) => unknown): void {
  function Wrapped(locales?: unknown, options?: unknown): unknown {
    const args = [locales ?? currentLocale(), adapt(options)];
    if (new.target !== undefined) return Reflect.construct(native, args, new.target);
    return Reflect.apply(native, undefined, args as never[]);
  }
  const statics = native as { readonly supportedLocalesOf?: unknown };
  if (typeof statics.supportedLocalesOf === "function") {
    replaceMethods(Wrapped, { supportedLocalesOf: statics.supportedLocalesOf as () => unknown });
  }
  replaceConstructor(native as () => unknown, Wrapped, Intl);
}

function installDateTimeFormat(native: IntlConstructor): void {
  const prototype = native.prototype as Intl.DateTimeFormat;
  const format = Object.getOwnPropertyDescriptor(prototype, "format")?.get;
  const bound = new WeakMap<object, (date?: unknown) => unknown>();
  Object.defineProperty(prototype, "format", {
    get(this: Intl.DateTimeFormat) {
      const native = Reflect.apply(format as () => (date: unknown) => unknown, this, []);
      let wrapped = bound.get(native);
      if (wrapped === undefined) {
        wrapped = (date?: unknown) => native(date === undefined ? new Date() : date);
        Object.defineProperty(wrapped, "name", { value: "", configurable: true });
        bound.set(native, wrapped);
      }
      return wrapped;
    },
    enumerable: false,
    configurable: true,
  });
  const { formatToParts } = prototype;
  replaceMethods(prototype, {
    formatToParts(this: Intl.DateTimeFormat, date?: unknown) {
      return Reflect.apply(formatToParts, this, [date === undefined ? new Date() : date] as [Date]);
    },
  });
  wrapConstructor(native, withTimeZone);
}

/** Methods whose argument at this index is the locale. */
const localeMethods: readonly (readonly [object, string, number])[] = [
  [String.prototype, "localeCompare", 1],
  [String.prototype, "toLocaleLowerCase", 0],
  [String.prototype, "toLocaleUpperCase", 0],
  [Number.prototype, "toLocaleString", 0],
  [BigInt.prototype, "toLocaleString", 0],
];

function installMethods(): void {
  for (const [prototype, name, index] of localeMethods) {
    const native = Reflect.get(prototype, name) as (...args: unknown[]) => unknown;
    replaceMethods(prototype, {
      [name](this: unknown, ...args: unknown[]): unknown {
        if (args[index] === undefined) args[index] = currentLocale();
        return Reflect.apply(native, this, args);
      },
    });
  }
}
