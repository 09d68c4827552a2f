/**
 * `Date` on the log clock, in UTC. The present is `at` of the fact that is being delivered, and local time is UTC whatever
 * the host's time zone: the methods that answer in local time are the ones that answer in UTC.
 *
 * The prototype object stays the native one, so that every Date is an instance and subclasses work; only its `constructor`
 * and the methods that depend on the host are replaced.
 */
import { currentOrNull } from "../orchestrator-context.ts";
import { defineHidden, replaceConstructor, replaceMethods } from "./define.ts";
import { currentLocale, withTimeZone } from "./intl.ts";

const now = (): number => currentOrNull()?.at ?? 0;

export function installDate(): void {
  const native = Date;
  function RealmDate(...args: unknown[]): unknown {
    if (new.target === undefined) return new Date().toString();
    return Reflect.construct(native, constructorArguments(native, args), new.target);
  }
  const statics = { now, parse: (text: unknown) => parse(native, String(text)), UTC: native.UTC };
  replaceMethods(RealmDate, statics);
  Object.defineProperty(statics.parse, "length", { value: 1 });
  replaceConstructor(native as never, RealmDate);
  answerInUtc(native.prototype);
  replaceTexts(native.prototype);
  replaceLocaleTexts(native.prototype);
}

function constructorArguments(native: DateConstructor, args: readonly unknown[]): readonly unknown[] {
  if (args.length === 0) return [now()];
  if (args.length > 1) return [Reflect.apply(native.UTC, undefined, args)];
  const [value] = args;
  return typeof value === "string" || value instanceof String ? [parse(native, String(value))] : [value];
}

/** A zone at the end of a date's text: `Z`, `GMT`, `+02:00`, `PST`, with or without a comment behind it. */
const zonePattern = /(?:Z|\b(?:UTC?|GMT|[ECMP][SD]T)|[+-]\d{1,2}:?(?:\d{2})?(?::?\d{2})?)\s*(?:\([^)]*\)\s*)*$/i;
/** Forms of the ISO that the language defines: a date alone is UTC, with a time it is local unless a zone follows. */
const isoDatePattern = /^\s*(?:\d{4}|[+-]\d{6})(?:-\d{2}){0,2}\s*$/;
const isoTimePattern = /^(?:\d{4}|[+-]\d{6})(?:-\d{2}){0,2}T\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?$/;

/** Milliseconds since the epoch of a date's text; a text without a zone is in UTC. */
function parse(native: DateConstructor, text: string): number {
  if (isoDatePattern.test(text)) return native.parse(text);
  if (isoTimePattern.test(text)) return native.parse(`${text}Z`);
  if (zonePattern.test(text) && /[:]|[a-z]/i.test(text)) return native.parse(text);
  return native.parse(`${text} UTC`);
}

/** `getHours` becomes what `getUTCHours` is, and so on for every part of a date. */
function answerInUtc(prototype: Date): void {
  const parts = ["Date", "Day", "FullYear", "Hours", "Milliseconds", "Minutes", "Month", "Seconds"];
  for (const [verb, part] of parts.flatMap((part) => [["get", part] as const, ["set", part] as const])) {
    const utc: unknown = Reflect.get(prototype, `${verb}UTC${part}`);
    if (typeof utc !== "function") continue;
    const name = `${verb}${part}`;
    replaceMethods(prototype, {
      [name](this: Date, ...args: never[]): unknown {
        return Reflect.apply(utc, this, args);
      },
    });
  }
  replaceMethods(prototype, {
    getTimezoneOffset(this: Date): number {
      return Number.isNaN(this.getTime()) ? Number.NaN : 0;
    },
    getYear(this: Date): number {
      return this.getUTCFullYear() - 1900;
    },
    setYear(this: Date, year: never): number {
      const full = Math.trunc(Number(year));
      if (Number.isNaN(this.getTime())) this.setTime(0);
      return this.setUTCFullYear(full >= 0 && full <= 99 ? 1900 + full : full);
    },
  });
}

/** `Thu, 01 Jan 2026 12:00:00 GMT` in parts. */
const utcTextPattern = /^(\w+), (\d+) (\w+) (-?\d+) (\S+) GMT$/;
const zoneText = "GMT+0000 (Coordinated Universal Time)";

function replaceTexts(prototype: Date): void {
  const dateText = (date: Date): string => date.toUTCString().replace(utcTextPattern, "$1 $3 $2 $4");
  const timeText = (date: Date): string => date.toUTCString().replace(utcTextPattern, `$5 ${zoneText}`);
  const isInvalid = (date: Date): boolean => Number.isNaN(date.getTime());
  replaceMethods(prototype, {
    toString(this: Date): string {
      return isInvalid(this) ? "Invalid Date" : `${dateText(this)} ${timeText(this)}`;
    },
    toDateString(this: Date): string {
      return isInvalid(this) ? "Invalid Date" : dateText(this);
    },
    toTimeString(this: Date): string {
      return isInvalid(this) ? "Invalid Date" : timeText(this);
    },
  });
}

type LocaleMethod = "toLocaleString" | "toLocaleDateString" | "toLocaleTimeString";

function replaceLocaleTexts(prototype: Date): void {
  for (const name of ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"] satisfies LocaleMethod[]) {
    const native: unknown = prototype[name];
    const replaced = {
      [name](this: Date, locales?: unknown, options?: unknown): unknown {
        return Reflect.apply(native as () => string, this, [locales ?? currentLocale(), withTimeZone(options)]);
      },
    };
    replaceMethods(prototype, replaced);
  }
  defineHidden(prototype, "toGMTString", prototype.toUTCString);
}
