import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Context, constants, createContext, runInContext } from "node:vm";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, test } from "vitest";
import { encode } from "./encode.ts";

/**
 * The guest build inside a bare realm: everything below crosses the border as text, and is judged inside by the realm's
 * own classes.
 */

let bundle = "";

beforeAll(async () => {
  const here = dirname(fileURLToPath(import.meta.url));
  const build = await rolldown({
    input: join(here, "guest.ts"),
    resolve: { conditionNames: ["@perdure/source", "import"] },
    platform: "neutral",
    external: /^node:/,
  });
  const { output } = await build.generate({ format: "iife", name: "serde", minify: true, keepNames: true });
  await build.close();
  bundle = output[0].code;
});

function bareRealm(): Context {
  const realm = createContext(constants.DONT_CONTEXTIFY);
  runInContext(bundle.replace(/^var serde/, "globalThis.serde"), realm);
  return realm;
}

function inside(realm: Context, code: string): unknown {
  return runInContext(`"use strict"; (() => { ${code} })()`, realm);
}

const nodeGlobals = [
  "process",
  "Buffer",
  "require",
  "module",
  "global",
  "TextEncoder",
  "TextDecoder",
  "URL",
  "URLSearchParams",
  "atob",
  "btoa",
  "structuredClone",
  "console",
  "setTimeout",
  "crypto",
  "performance",
  "DOMException",
];

describe("the guest build", () => {
  test("needs no module and stays small", () => {
    expect(bundle).not.toMatch(/\brequire\(|\bimport\(|node:/);
    expect(Buffer.byteLength(bundle)).toBeLessThan(55_000);
  });

  test("decodes into values of the realm itself", () => {
    const value = {
      map: new Map([["k", new Set([1])]]),
      date: new Date(5),
      error: new TypeError("t", { cause: new Error("c") }),
      bytes: new Uint8Array([1, 2]),
      list: [/x/],
    };
    const { text, blobs } = encode(value);
    const realm = bareRealm();
    const judged = inside(
      realm,
      `const blob = new Uint8Array(${JSON.stringify([...(blobs[0] ?? [])])});
       const v = serde.decode(${JSON.stringify(text)}, [blob]);
       return [
         v instanceof Object, v.map instanceof Map, v.map.get("k") instanceof Set, v.date instanceof Date,
         v.error instanceof TypeError, v.error.cause instanceof Error, v.bytes instanceof Uint8Array,
         v.bytes.buffer instanceof ArrayBuffer, Array.isArray(v.list), v.list instanceof Array, v.list[0] instanceof RegExp,
         Object.getPrototypeOf(v) === Object.prototype,
       ].join()`,
    );
    expect(judged).toBe(Array.from({ length: 12 }, () => "true").join());
  });

  test("gives the text that the host gives", () => {
    const code = `{
      a: [1, undefined, -0, , "\\ud800"], m: new Map([[{ k: 1 }, new Set([1n])]]), d: new Date(0), r: /x/g,
      e: Object.assign(new RangeError("r", { cause: 1 }), { code: "E" }), b: new Float64Array([1.5]),
    }`;
    const realm = bareRealm();
    const guest = inside(
      realm,
      `const e = serde.encode(${code}, { stacks: false }); return JSON.stringify([e.text, [...e.blobs[0]]])`,
    );
    const host = encode(inside(realm, `return ${code}`), { stacks: false });
    expect(JSON.parse(String(guest))).toEqual([host.text, [...(host.blobs[0] ?? [])]]);
  });

  test("touches no global of Node, even where reading one throws", () => {
    const realm = bareRealm();
    inside(
      realm,
      `for (const name of ${JSON.stringify(nodeGlobals)}) {
         Object.defineProperty(globalThis, name, { get() { throw new Error("touched " + name); } });
       }`,
    );
    const result = inside(
      realm,
      `const shared = new Error("x", { cause: [new Uint8Array(3), new DataView(new ArrayBuffer(2))] });
       shared.self = shared;
       const { text, blobs } = serde.encode([shared, new Map([[1, /a/]]), 10n, "\\ud800", Object(1)]);
       const back = serde.decode(text, blobs);
       const refused = (() => { try { serde.encode([() => 1], { what: "x" }); } catch (error) { return error.path; } })();
       const damaged = (() => { try { serde.decode("[[9]]", []); } catch (error) { return error.code; } })();
       return [back[0].self === back[0], back[0].cause[0].length, serde.decodePrimitive("[5]").value, refused, damaged].join()`,
    );
    expect(result).toBe("true,3,5,[0],UNDECODABLE");
  });

  test("decodes an URL with the constructor that it is given, and says so when there is none", () => {
    const realm = bareRealm();
    const { text } = encode(new URL("http://a/"));
    const decodeWith = (options: string): unknown =>
      inside(
        realm,
        `class Url { constructor(text) { this.text = text; } }
         try { return serde.decode(${JSON.stringify(text)}, [], ${options}).text; } catch (error) { return error.message; }`,
      );
    expect(decodeWith("{ types: { URL: Url } }")).toBe("http://a/");
    expect(decodeWith("{}")).toMatch(/there is no URL where it is being read/);
  });

  test("works in a realm whose intrinsics are frozen", () => {
    const realm = bareRealm();
    const result = inside(
      realm,
      `for (const type of [Object, Array, Map, Set, Error, Function, RegExp, Date]) { Object.freeze(type.prototype); Object.freeze(type); }
       const value = { constructor: 1, toString: [2], name: "n", list: [new TypeError("t")] };
       const { text, blobs } = serde.encode(value);
       const back = serde.decode(text, blobs);
       return [back.constructor, back.toString[0], back.name, back.list[0].message, back.list[0].name].join()`,
    );
    expect(result).toBe("1,2,n,t,TypeError");
  });

  test("errors of Perdure are ours on both sides of the border", () => {
    const realm = bareRealm();
    const text = inside(
      realm,
      `let refusal; try { serde.encode(Symbol("s")); } catch (error) { refusal = error; }
       return serde.encode(refusal, { stacks: false }).text`,
    );
    expect(String(text)).toContain('"SERIALIZATION_FAILED"');
    const judged = inside(
      realm,
      `const back = serde.decode(${JSON.stringify(text)}, []);
       return [back.name, back[Symbol.for("perdure/error-code")], back instanceof Error].join()`,
    );
    expect(judged).toBe("SerializationError,SERIALIZATION_FAILED,true");
  });
});
