/**
 * One baseline of intrinsics whatever the version of Node: that of Node 22. A replay may happen on a newer version, and a
 * program that asks whether something exists must get the same answer there. What is older than the baseline and missing
 * in a bare realm is added.
 */
import { defineHidden } from "./define.ts";

/** What one version of Node has as accessors, another as methods, and a third as both. */
const localeMembers = [
  ...["calendars", "collations", "hourCycles", "numberingSystems", "textInfo", "timeZones", "weekInfo"],
  ...["getCalendars", "getCollations", "getHourCycles", "getNumberingSystems", "getTextInfo", "getTimeZones"],
  ...["getWeekInfo", "firstDayOfWeek"],
].map((name) => `Intl.Locale#${name}`);

/** Intrinsics that are newer than the baseline, by path from the global; `#` stands for `prototype`. */
const newerThanBaseline = [
  "AsyncDisposableStack",
  "Atomics.pause",
  "DataView#getFloat16",
  "DataView#setFloat16",
  "Date#toTemporalInstant",
  "DisposableStack",
  "Error.isError",
  "Float16Array",
  "Intl.DurationFormat",
  ...localeMembers,
  "Iterator.concat",
  "Iterator.zip",
  "Iterator.zipKeyed",
  "Map#getOrInsert",
  "Map#getOrInsertComputed",
  "Math.f16round",
  "Math.sumPrecise",
  "Promise.try",
  "RegExp.escape",
  "SuppressedError",
  "Temporal",
  "Uint8Array.fromBase64",
  "Uint8Array.fromHex",
  "Uint8Array#setFromBase64",
  "Uint8Array#setFromHex",
  "Uint8Array#toBase64",
  "Uint8Array#toHex",
  "WeakMap#getOrInsert",
  "WeakMap#getOrInsertComputed",
];

/** Names that V8 or Node put into a bare realm and that are no part of the language. */
const foreign = ["AsyncContext", "ShadowRealm", "WebSocket", "gc"] as const;

export function installBaseline(): void {
  for (const path of [...newerThanBaseline, ...foreign]) remove(path);
  removeIteratorDisposal();
  forgetMatches();
}

/** Iterators that can be disposed of are newer than the baseline, and their prototypes have no name. */
function removeIteratorDisposal(): void {
  const iterator: unknown = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
  const asyncGenerator: unknown = Object.getPrototypeOf(async function* generator() {}.prototype);
  Reflect.deleteProperty(iterator as object, Symbol.dispose);
  Reflect.deleteProperty(Object.getPrototypeOf(asyncGenerator) as object, Symbol.asyncDispose);
}

function remove(path: string): void {
  const names = path.replace("#", ".prototype.").split(".");
  const last = names.pop() ?? "";
  let holder: unknown = globalThis;
  for (const name of names) holder = (holder as Readonly<Record<string, unknown>> | undefined)?.[name];
  if (typeof holder === "object" || typeof holder === "function") {
    if (holder !== null) Reflect.deleteProperty(holder, last);
  }
}

/** `RegExp.$1` and its kind tell what was matched last in the whole realm, by whichever execution. */
function forgetMatches(): void {
  const legacy = ["input", "$_", "lastMatch", "$&", "lastParen", "$+", "leftContext", "$`", "rightContext", "$'"];
  for (const name of [...legacy, ..."123456789"].map((name) => (/^\d$/.test(name) ? `$${name}` : name))) {
    Reflect.deleteProperty(RegExp, name);
  }
  // `compile` changes an expression in place and serves nothing else.
  defineHidden(RegExp.prototype, "compile", undefined);
  Reflect.deleteProperty(RegExp.prototype, "compile");
}
