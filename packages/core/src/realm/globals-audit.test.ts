import vm from "node:vm";
import { describe, expect, it } from "vitest";
import { given } from "../replay/history.testing.ts";
import { classOf, globalClasses, listedTwice } from "./globals-classes.testing.ts";
import {
  bareIntrinsics,
  type Intrinsic,
  listIntrinsics,
  recordedIntrinsics,
  recordedMajors,
  recordIntrinsics,
} from "./intrinsics.testing.ts";

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

/** What a plain context of this Node has is on record, so that a name of a later one is seen before a workflow sees it. */
describe("the bare context", () => {
  const major = Number(process.versions.node.split(".")[0]);

  it("has the names that are on record for this version of Node", () => {
    if (process.env["PERDURE_RECORD_INTRINSICS"] === "1") recordIntrinsics(major);
    const recorded = recordedIntrinsics(major);
    if (recorded === undefined) return expect.unreachable(`There is no record for Node ${major}. ${howToRecord}`);
    expect(differences(bareIntrinsics(), recorded, major)).toEqual([]);
  });

  it("reports a new name, and one that is gone", () => {
    const [first = "", ...others] = bareIntrinsics();
    const [added, gone] = differences([...others, "Clock.now"], [first, ...others], 99);
    expect(added).toContain("Node 99 adds Clock.now: a replay must not depend on it");
    expect(gone).toContain(`Node 99 no longer has ${first}`);
  });

  it("of Node 26 has Temporal, which reads the clock", () => {
    const names = recordedIntrinsics(26) ?? [];
    expect(names.filter((name) => name.startsWith("Temporal.Now.")).length).toBeGreaterThan(5);
    expect(classOf("Temporal.Now.instant")).toBe("removed");
  });
});

const howToRecord =
  "Decide for each new name whether it is passed on, replaced or removed (globals-classes.testing.ts, baseline.ts), then " +
  "run this test once on that Node with PERDURE_RECORD_INTRINSICS=1.";

function differences(present: readonly string[], recorded: readonly string[], major: number): string[] {
  const before = new Set(recorded);
  const now = new Set(present);
  return [
    ...present
      .filter((name) => !before.has(name))
      .map((name) => `Node ${major} adds ${name}: a replay must not depend on it. ${howToRecord}`),
    ...recorded
      .filter((name) => !now.has(name))
      .map((name) => `Node ${major} no longer has ${name}: a program of a run in flight may use it. ${howToRecord}`),
  ];
}

describe("every name belongs to one class", () => {
  const engineNames = new Set(recordedMajors.flatMap((major) => recordedIntrinsics(major) ?? []));
  const realm = given(`async () => (${listIntrinsics})()`, { isolation: "run" }).start().result() as Intrinsic[];
  const realmNames = new Set(realm.map(({ name }) => name));

  it("the table lists none twice", () => {
    expect(listedTwice()).toEqual([]);
  });

  it("and is what its class says", () => {
    expect(realm.map((intrinsic) => misfit(intrinsic, engineNames)).filter((text) => text !== undefined)).toEqual([]);
  });

  it("names that only the table has, and names of an engine that got lost", () => {
    const listed = Object.values(globalClasses).flat() as string[];
    const stale = listed.filter((name) => !isThere(name, classOf(name) === "removed" ? engineNames : realmNames));
    expect(stale.map((name) => `${name} is in the table, and nothing has it: take it out of the table.`)).toEqual([]);
    const lost = [...engineNames].filter((name) => !realmNames.has(name) && !mayBeMissing(name));
    expect(lost.map((name) => `${name} is not in the realm: list it as removed, or find out who removes it.`)).toEqual(
      [],
    );
  });

  it("what is refused throws when it is used, and says what to use instead", () => {
    const names = realm.filter(({ name, kind }) => classOf(name) === "refused" && kind !== "object");
    expect(names.length).toBeGreaterThan(40);
    const source = `async () => ${JSON.stringify(names.map(({ name }) => name))}.map((name) => {
      try { name.split(".").reduce((holder, key) => holder[key], globalThis)(); return name + " returned"; }
      catch (error) { return error.code === "UNAVAILABLE_IN_WORKFLOW_CONTEXT" && error.hint !== undefined ? "" : name; }
    }).join("")`;
    expect(given(source).start().result()).toBe("");
  });

  it("a misfit of each class would be found", () => {
    const found = (name: string, native: boolean): string | undefined =>
      misfit({ name, native, kind: "function" }, new Set(["Math.sin", "Date.now", "URL", "Temporal"]));
    expect(found("Clock", true)).toContain("Clock is in no class");
    expect(found("Math.sin", false)).toContain("Math.sin is not the engine's own");
    expect(found("Math.ours", true)).toContain("Math.ours is not the engine's own");
    expect(found("Date.now", true)).toContain("Date.now is the engine's own");
    expect(found("URL", false)).toContain("URL is a name of an engine");
    expect(found("Temporal", true)).toContain("Temporal is to be removed");
    expect(["Math.sin", "Date.now"].map((name) => found(name, name === "Math.sin"))).toEqual([undefined, undefined]);
  });

  function isThere(name: string, names: ReadonlySet<string>): boolean {
    return names.has(name) || [...names].some((other) => other.startsWith(`${name}.`));
  }

  // The parts of what is refused are gone with it.
  function mayBeMissing(name: string): boolean {
    const kind = classOf(name);
    return kind === "removed" || kind === "refused";
  }
});

/** What is wrong with a property of the realm in its class, or `undefined`. */
function misfit({ name, native, kind }: Intrinsic, engineNames: ReadonlySet<string>): string | undefined {
  const isEngineName = engineNames.has(name);
  switch (classOf(name)) {
    case undefined:
      return `${name} is in no class: say in globals-classes.testing.ts what workflow code gets.`;
    case "standard":
      return native && isEngineName
        ? undefined
        : `${name} is not the engine's own: list it as replaced, ours or refused.`;
    case "replaced":
      return isEngineName && (!native || kind === "object")
        ? undefined
        : `${name} is the engine's own: nobody replaces it.`;
    case "ours":
      return isEngineName ? `${name} is a name of an engine: list it as replaced.` : undefined;
    case "refused":
      return native && kind === "function" ? `${name} is the engine's own: it is to be refused.` : undefined;
    case "removed":
      return `${name} is to be removed, and the realm has it: see baseline.ts.`;
  }
}
