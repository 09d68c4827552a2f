/**
 * What becomes of every name that a realm of Node has or gets. A name that is not listed belongs to the class of what it
 * is a part of; the parts of a replaced object that are not listed are standard.
 */
export type GlobalClass = keyof typeof globalClasses;

/** The classes. Objects that only the syntax leads to are named as the specification names them. */
export const globalClasses = {
  /**
   * The engine's own, and the same in every replay: the language says what it does, or what depends on the host was taken
   * away from its parts. `Intl` follows the ICU of the Node that runs, `Error` has V8's stacks; see docs/determinism.md.
   */
  standard: [
    ...["Object", "Array", "Number", "parseFloat", "parseInt", "Infinity", "NaN", "undefined", "Boolean"],
    ...["String", "Symbol", "Promise", "RegExp", "Error", "AggregateError", "EvalError", "RangeError"],
    ...["ReferenceError", "SyntaxError", "TypeError", "URIError", "globalThis", "JSON", "Math", "Intl"],
    ...["ArrayBuffer", "Atomics", "Uint8Array", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array"],
    ...["Int32Array", "BigUint64Array", "BigInt64Array", "Uint8ClampedArray", "Float32Array", "Float64Array"],
    ...["DataView", "Map", "BigInt", "Set", "Iterator", "WeakMap", "WeakSet", "Proxy", "Reflect", "decodeURI"],
    ...[
      "decodeURIComponent",
      "encodeURI",
      "encodeURIComponent",
      "escape",
      "unescape",
      "isFinite",
      "isNaN",
      "Function.prototype",
    ],
    ...["%TypedArray%", "%IteratorPrototype%", "%ArrayIteratorPrototype%", "%MapIteratorPrototype%"],
    ...["%SetIteratorPrototype%", "%StringIteratorPrototype%", "%RegExpStringIteratorPrototype%"],
    ...[
      "%GeneratorFunctionPrototype%",
      "%AsyncFunctionPrototype%",
      "%AsyncGeneratorFunctionPrototype%",
      "%AsyncIteratorPrototype%",
    ],
    ...["%WrapForValidIteratorPrototype%", "%IteratorHelperPrototype%", "%IntlSegmentsPrototype%"],
    ...["%IntlSegmentIteratorPrototype%"],
  ],
  /** Made anew, because the engine's own reads a clock, chance, the locale or time zone of the host, or writes to it. */
  replaced: [
    ...["Date", "Date.now", "Date.parse", "Date.prototype.toString", "Date.prototype.toDateString"],
    ...["Date.prototype.toTimeString", "Date.prototype.getDate", "Date.prototype.setDate"],
    ...["Date.prototype.getDay", "Date.prototype.getFullYear", "Date.prototype.setFullYear"],
    ...["Date.prototype.getHours", "Date.prototype.setHours", "Date.prototype.getMilliseconds"],
    ...["Date.prototype.setMilliseconds", "Date.prototype.getMinutes", "Date.prototype.setMinutes"],
    ...["Date.prototype.getMonth", "Date.prototype.setMonth", "Date.prototype.getSeconds"],
    ...["Date.prototype.setSeconds", "Date.prototype.getTimezoneOffset", "Date.prototype.getYear"],
    ...["Date.prototype.setYear", "Date.prototype.toLocaleString", "Date.prototype.toLocaleDateString"],
    ...["Date.prototype.toLocaleTimeString"],
    ...["Math.random", "Intl.DateTimeFormat", "Intl.NumberFormat", "Intl.Collator", "Intl.PluralRules"],
    ...["Intl.RelativeTimeFormat", "Intl.ListFormat", "Intl.DisplayNames", "Intl.Segmenter"],
    ...["Intl.DateTimeFormat.prototype.format", "Intl.DateTimeFormat.prototype.formatToParts"],
    ...["Number.prototype.toLocaleString", "BigInt.prototype.toLocaleString", "String.prototype.localeCompare"],
    ...["String.prototype.toLocaleLowerCase", "String.prototype.toLocaleUpperCase"],
    ...["console", "console.debug", "console.error", "console.info", "console.log", "console.trace"],
    ...["console.warn", "console.dir", "console.table", "console.assert", "console.clear", "console.count"],
    ...["console.countReset", "console.group", "console.groupCollapsed", "console.groupEnd", "console.time"],
    ...["console.timeEnd", "console.timeLog"],
  ],
  /** Web APIs that a bare context lacks, made of the language alone. */
  ours: [
    ...["DOMException", "crypto", "performance", "queueMicrotask", "TextEncoder", "TextDecoder", "atob", "btoa"],
    ...["structuredClone", "URL", "URLSearchParams", "Error.prepareStackTrace"],
  ],
  /** Functions to `typeof`, which throw with the durable replacement when they are called; `crypto.subtle` when it is read. */
  refused: [
    ...["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate", "fetch"],
    ...["Headers", "Request", "Response", "FormData", "Blob", "File", "WebSocket", "EventSource"],
    ...["ReadableStream", "WritableStream", "TransformStream", "MessageChannel", "BroadcastChannel"],
    ...["AbortController", "AbortSignal"],
    ...["Function", "eval", "SharedArrayBuffer", "WeakRef", "FinalizationRegistry", "WebAssembly"],
    ...[
      "Atomics.wait",
      "Atomics.waitAsync",
      "Atomics.notify",
      "crypto.subtle",
      "performance.getEntries",
      "performance.getEntriesByName",
      "performance.getEntriesByType",
      "performance.mark",
      "performance.measure",
      "performance.timerify",
    ],
  ],
  /** Taken away: newer than the baseline of Node 22, state that executions would share, or of use to a debugger alone. */
  removed: [
    ...["AsyncDisposableStack", "DisposableStack", "Float16Array", "SuppressedError", "Temporal"],
    ...["Atomics.pause", "DataView.prototype.getFloat16", "DataView.prototype.setFloat16"],
    ...["Date.prototype.toTemporalInstant", "Error.isError", "Intl.DurationFormat", "Iterator.concat"],
    ...["Map.prototype.getOrInsert", "Map.prototype.getOrInsertComputed", "Math.f16round", "Promise.try"],
    ...["RegExp.escape", "Uint8Array.fromBase64", "Uint8Array.fromHex", "Uint8Array.prototype.setFromBase64"],
    ...["Uint8Array.prototype.setFromHex", "Uint8Array.prototype.toBase64", "Uint8Array.prototype.toHex"],
    ...["WeakMap.prototype.getOrInsert", "WeakMap.prototype.getOrInsertComputed"],
    ...["%IteratorPrototype%.Symbol(Symbol.dispose)", "%AsyncIteratorPrototype%.Symbol(Symbol.asyncDispose)"],
    ...["Intl.Locale.prototype.calendars", "Intl.Locale.prototype.collations"],
    ...["Intl.Locale.prototype.hourCycles", "Intl.Locale.prototype.numberingSystems"],
    ...["Intl.Locale.prototype.textInfo", "Intl.Locale.prototype.timeZones", "Intl.Locale.prototype.weekInfo"],
    ...["Intl.Locale.prototype.getCalendars", "Intl.Locale.prototype.getCollations"],
    ...["Intl.Locale.prototype.getHourCycles", "Intl.Locale.prototype.getNumberingSystems"],
    ...["Intl.Locale.prototype.getTextInfo", "Intl.Locale.prototype.getTimeZones"],
    ...["Intl.Locale.prototype.getWeekInfo", "Intl.Locale.prototype.firstDayOfWeek"],
    ...["RegExp.input", "RegExp.$_", "RegExp.lastMatch", "RegExp.$&", "RegExp.lastParen", "RegExp.$+"],
    ...["RegExp.leftContext", "RegExp.$`", "RegExp.rightContext", "RegExp.$'", "RegExp.$1", "RegExp.$2"],
    ...["RegExp.$3", "RegExp.$4", "RegExp.$5", "RegExp.$6", "RegExp.$7", "RegExp.$8", "RegExp.$9"],
    ...["RegExp.prototype.compile"],
    ...["console.Symbol(Symbol.toStringTag)", "console.context", "console.createTask", "console.dirxml"],
    ...["console.profile", "console.profileEnd", "console.timeStamp"],
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

const classByName: ReadonlyMap<string, GlobalClass> = new Map(
  (Object.entries(globalClasses) as [GlobalClass, readonly string[]][]).flatMap(([kind, names]) =>
    names.map((name) => [name, kind] as const),
  ),
);

/** Names that are listed twice. */
export function listedTwice(): string[] {
  const names: string[] = Object.values(globalClasses).flat();
  return names.filter((name, index) => names.indexOf(name) !== index);
}

/** The class of a name: its own, or that of what it is a part of. */
export function classOf(name: string): GlobalClass | undefined {
  const own = classByName.get(name);
  if (own !== undefined) return own;
  const dot = lastDot(name);
  const above = dot === -1 ? undefined : classOf(name.slice(0, dot));
  return above === "replaced" ? "standard" : above;
}

// The dot in \`Symbol(Symbol.iterator)\` separates nothing.
function lastDot(name: string): number {
  const symbol = name.indexOf(".Symbol(");
  return symbol === -1 ? name.lastIndexOf(".") : symbol;
}
