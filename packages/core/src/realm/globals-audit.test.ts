import vm from "node:vm";
import { describe, expect, it } from "vitest";
import { given } from "../replay/history.testing.ts";

/**
 * Walks everything that the given objects lead to. Gives the names of the properties by the path that led there first, and
 * how many roots of inheritance there are: an object of another realm would bring a second `Object.prototype` along.
 */
const walk = `(roots) => {
  const seen = new Set();
  const names = [];
  const bases = new Set();
  const queue = roots.map(([name, value]) => [name, value]);
  for (const [path, value] of queue) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
    seen.add(value);
    let base = value;
    for (let up = Object.getPrototypeOf(base); up !== null; up = Object.getPrototypeOf(up)) base = up;
    if (Object.hasOwn(base, "hasOwnProperty")) bases.add(base);
    else if (base !== value) bases.add(base);
    queue.push([path + ".__proto__", Object.getPrototypeOf(value)]);
    for (const key of Reflect.ownKeys(value)) {
      const name = path + "." + String(key);
      if (!path.includes("__proto__")) names.push(name);
      const { value: held, get, set } = Object.getOwnPropertyDescriptor(value, key);
      queue.push([name, held], [name + ".get", get], [name + ".set", set]);
      if (get !== undefined && get.length === 0) {
        try { queue.push([name, Reflect.apply(get, value, [])]); } catch { }
      }
    }
  }
  return { names, baseCount: bases.size, objectCount: seen.size };
}`;

interface Audit {
  readonly names: string[];
  readonly baseCount: number;
  readonly objectCount: number;
}

describe("globals audit", () => {
  const roots = `[["globalThis", globalThis], ["realm", Object.getPrototypeOf(Object.getPrototypeOf(globalThis))],
    ["perdure", __perdure], ["hook", createHook()], ["promise", step("a")()]]`;

  it.each(["shared", "run"] as const)("no object of the host can be reached (%s)", (isolation) => {
    const audit = given(`async () => (${walk})(${roots})`, { isolation }).start().result() as Audit;
    expect(audit.objectCount).toBeGreaterThan(800);
    expect(audit.baseCount).toBe(1);
  });

  it("would find an object of the host", () => {
    const context = vm.createContext(vm.constants.DONT_CONTEXTIFY);
    const audit = (roots: string): Audit => vm.runInContext(`(${walk})(${roots})`, context) as Audit;
    expect(audit(`[["g", globalThis]]`).baseCount).toBe(1);
    (context as { leak?: object }).leak = { deep: [() => 1] };
    expect(audit(`[["g", globalThis]]`).baseCount).toBe(2);
  });

  it("everything that executions share is frozen", () => {
    const source = `async () => {
      const realm = Object.getPrototypeOf(Object.getPrototypeOf(globalThis));
      const soft = [];
      const seen = new Set();
      const queue = [["realm", realm], ["perdure", __perdure], ["base", Object.getPrototypeOf(globalThis)],
        ["Hook", createHook().constructor], ["iterator", Object.getPrototypeOf([][Symbol.iterator]())]];
      for (const [path, value] of queue) {
        if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
        seen.add(value);
        if (!Object.isFrozen(value)) soft.push(path);
        queue.push([path + ".__proto__", Object.getPrototypeOf(value)]);
        for (const key of Reflect.ownKeys(value)) {
          const { value: held, get, set } = Object.getOwnPropertyDescriptor(value, key);
          queue.push([path + "." + String(key), held], [path + "." + String(key), get], [path + "." + String(key), set]);
        }
      }
      return soft;
    }`;
    expect(given(source).start().result()).toEqual([]);
  });

  it("has these names, and no other version of Node adds one", () => {
    const source = `async () => (${walk})([["", Object.getPrototypeOf(Object.getPrototypeOf(globalThis))]]).names`;
    const names = given(source).start().result() as string[];
    expect(names.filter((name) => !/\.(length|name|prototype\.constructor)$/.test(name)).sort()).toMatchSnapshot();
  });
});
