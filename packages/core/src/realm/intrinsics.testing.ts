/** Lists what a realm has: every property that its global leads to, and the prototypes that only the syntax leads to. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import vm from "node:vm";

/**
 * An expression for a realm: a function that gives an `Intrinsic` for each property. Names are paths from the global; an
 * object that has several is listed under the shortest.
 */
export const listIntrinsics = `() => {
  const reach = (value, steps) => { for (let i = 0; i < steps; i++) value = Object.getPrototypeOf(value); return value; };
  const hidden = {
    "%TypedArray%": reach(Uint8Array, 1),
    "%IteratorPrototype%": reach([][Symbol.iterator](), 2),
    "%ArrayIteratorPrototype%": reach([][Symbol.iterator](), 1),
    "%MapIteratorPrototype%": reach(new Map()[Symbol.iterator](), 1),
    "%SetIteratorPrototype%": reach(new Set()[Symbol.iterator](), 1),
    "%StringIteratorPrototype%": reach(""[Symbol.iterator](), 1),
    "%RegExpStringIteratorPrototype%": reach("".matchAll(/a/g), 1),
    "%GeneratorFunctionPrototype%": reach(function* () {}, 1),
    "%AsyncFunctionPrototype%": reach(async () => {}, 1),
    "%AsyncGeneratorFunctionPrototype%": reach(async function* () {}, 1),
    "%AsyncIteratorPrototype%": reach(async function* () {}.prototype, 2),
    "%WrapForValidIteratorPrototype%": reach(Iterator.from({ next() {} }), 1),
    "%IteratorHelperPrototype%": reach([].values().map((x) => x), 1),
    "%IntlSegmentsPrototype%": reach(new Intl.Segmenter().segment(""), 1),
    "%IntlSegmentIteratorPrototype%": reach(new Intl.Segmenter().segment("")[Symbol.iterator](), 1),
  };
  const text = Function.prototype.toString;
  const isNative = (held) => typeof held !== "function" || text.call(held).endsWith("{ [native code] }");
  const seen = new Set();
  const records = [];
  const queue = [["", globalThis], ...Object.entries(hidden)];
  for (const [path, holder] of queue) {
    if ((typeof holder !== "object" && typeof holder !== "function") || holder === null || seen.has(holder)) continue;
    seen.add(holder);
    for (const key of Reflect.ownKeys(holder)) {
      if (typeof holder === "function" && ["length", "name", "arguments", "caller"].includes(key)) continue;
      const name = path === "" ? String(key) : path + "." + String(key);
      const { value, get, set } = Object.getOwnPropertyDescriptor(holder, key);
      if (key !== "prototype" && key !== "constructor") {
        const kind = get || set ? "accessor" : typeof value;
        records.push({ name, native: isNative(value) && isNative(get) && isNative(set), kind });
      }
      queue.push([name, value]);
    }
  }
  return records;
}`;

/** One property that a realm has. */
export interface Intrinsic {
  readonly name: string;
  /** The engine made its functions. */
  readonly native: boolean;
  /** `accessor`, or what `typeof` says. */
  readonly kind: string;
}

/** The names that a context of this Node has before anything is done to it. */
export function bareIntrinsics(): string[] {
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY);
  const text: unknown = vm.runInContext(`JSON.stringify((${listIntrinsics})().map(({ name }) => name))`, context);
  return (JSON.parse(String(text)) as string[]).toSorted();
}

/** The versions of Node whose bare contexts are on record. */
export const recordedMajors = [22, 24, 26] as const;

/** The names on record for a version of Node, or `undefined` when there are none. */
export function recordedIntrinsics(major: number): string[] | undefined {
  const file = recordOf(major);
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : undefined;
}

/** Puts what this Node has on record. */
export function recordIntrinsics(major: number): void {
  writeFileSync(recordOf(major), `${bareIntrinsics().join("\n")}\n`);
}

function recordOf(major: number): string {
  return join(import.meta.dirname, "fixtures/intrinsics", `node-${major}.txt`);
}
