import { SerializationError } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import type { CodecLimits } from "./limits.ts";
import { dehydrate } from "./payload.ts";

class Order {
  readonly id = 1;
}
class OwnMap extends Map {}
class OwnArray extends Array {}
class Lazy {
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
  then(): void {}
}

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function withSymbolKey(): object {
  return { [Symbol("s")]: 1 };
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function viewOnDetached(): Uint8Array {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
}

function throwing(): object {
  return {
    fine: 1,
    get broken(): never {
      throw new RangeError("broken getter");
    },
  };
}

function errorWith(properties: object): Error {
  return Object.assign(new Error("x"), properties);
}

function nested(depth: number): object {
  let value: object = {};
  for (let level = 1; level < depth; level++) value = level % 2 === 0 ? { a: value } : [value];
  return value;
}

function endless(): object {
  return new Proxy(
    {},
    {
      get: () => endless(),
      ownKeys: () => ["a", "b"],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    },
  );
}

const refusals: readonly (readonly [name: string, value: unknown, path: string, found: RegExp])[] = [
  ["function", [{ deep: { cb() {} } }], "[0].deep.cb", /function cb/],
  ["anonymous function", [() => 1], "[0]", /an anonymous function/],
  ["class", { Order }, ".Order", /class Order/],
  ["symbol", { a: Symbol("tag") }, ".a", /a symbol \(Symbol\(tag\)\)/],
  ["class instance", [new Order()], "[0]", /an instance of class Order/],
  ["subclass of a built-in class", { m: new OwnMap() }, ".m", /class OwnMap/],
  ["subclass of Array", { a: OwnArray.from([1]) }, ".a", /class OwnArray/],
  ["promise", { "my key": [Promise.resolve()] }, '["my key"][0]', /a promise \(await it first\)/],
  ["thenable", [new Lazy()], "[0]", /a thenable of class Lazy/],
  ["WeakMap", [new WeakMap()], "[0]", /a WeakMap/],
  ["Blob", [new Blob([])], "[0]", /a Blob/],
  ["stream", [new ReadableStream()], "[0]", /a ReadableStream/],
  ["SharedArrayBuffer", [new SharedArrayBuffer(1)], "[0]", /a SharedArrayBuffer/],
  ["view on a SharedArrayBuffer", [new Uint8Array(new SharedArrayBuffer(1))], "[0]", /a view on a SharedArrayBuffer/],
  ["detached buffer", [detached()], "[0]", /a detached ArrayBuffer/],
  ["view on a detached buffer", [viewOnDetached()], "[0]", /a detached ArrayBuffer/],
  ["revoked proxy", [revoked({})], "[0]", /a getter or a Proxy that throws/],
  ["getter that throws", [throwing()], "[0].broken", /a getter or a Proxy that throws/],
  ["symbol key", { a: withSymbolKey() }, ".a", /a property named by a symbol/],
  ["__proto__ key", [JSON.parse('{"__proto__":{}}')], "[0]", /__proto__/],
  [
    "arguments",
    [
      (function () {
        // biome-ignore lint/complexity/noArguments: the object itself is what is refused
        return arguments;
      })(),
    ],
    "[0]",
    /an object of kind Arguments/,
  ],
  ["object with a prototype of its own", [Object.create({ inherited: 1 })], "[0]", /a prototype of its own/],
  ["imitation of a Map", { [Symbol.toStringTag]: "Map" }, "", /a property named by a symbol/],
  ["map value", new Map([["k", { f: () => 1 }]]), '.get("k").f', /function f/],
  ["map value after a deep key", new Map([[{ k: [{}] }, { f: () => 1 }]]), ".values()[0].f", /function f/],
  [
    "map key",
    new Map([
      [1, 1],
      [{ f: () => 1 }, 2],
    ] as [unknown, unknown][]),
    ".keys()[1].f",
    /function f/,
  ],
  ["set element", { s: new Set([1, [Symbol.iterator]]) }, ".s.values()[1][0]", /symbol/],
  ["sparse array element", Object.assign([], { 50000: () => 1 }), "[50000]", /function 50000/],
  ["own property of an error", [errorWith({ request: { send() {} } })], "[0].request.send", /function send/],
  ["cause of an error", { e: new Error("x", { cause: [() => 1] }) }, ".e.cause[0]", /function/],
  ["property after a deep one", { a: { b: { c: [1] } }, d: () => 1 }, ".d", /function d/],
  ["property after an error", { e: errorWith({ own: { x: 1 } }), d: () => 1 }, ".d", /function d/],
];

describe("what cannot be stored is refused with its path", () => {
  for (const [name, value, path, found] of refusals) {
    test(name, () => {
      const error = refusalOf(value);
      expect(error.path).toBe(path);
      expect(error.message).toMatch(found);
      expect(error.message).toContain("the argument of workflow order");
    });
  }

  test("the cause of a getter that throws is kept", () => {
    expect(refusalOf(throwing()).cause).toEqual(new RangeError("broken getter"));
  });

  test("a getter of an error's own property has its path and its cause", () => {
    const error = new Error("x");
    Object.defineProperty(error, "body", {
      enumerable: true,
      get() {
        throw new TypeError("no body");
      },
    });
    const refusal = refusalOf({ error });
    expect([refusal.path, refusal.cause]).toEqual([".error.body", new TypeError("no body")]);
  });

  test("the refusal names no content of the value", () => {
    const refusal = refusalOf({ password: "hunter2", f: () => "hunter2" });
    expect(refusal.message).not.toContain("hunter2");
  });
});

function refusalOf(value: unknown): SerializationError {
  try {
    dehydrate(value, "the argument of workflow order");
  } catch (error) {
    expect(SerializationError.is(error)).toBe(true);
    return error as SerializationError;
  }
  return expect.unreachable("it was stored");
}

describe("limits hold when writing, and what is within them can be read", () => {
  const cases: readonly (readonly [name: string, within: unknown, beyond: unknown, limits: Partial<CodecLimits>])[] = [
    ["depth", nested(1_000), nested(1_001), {}],
    ["depth of maps with deep keys", deepMaps(333), deepMaps(501), {}],
    ["depth of causes", causes(333), causes(1_001), {}],
    ["deep enough to overflow the stack", nested(10), nested(100_000), {}],
    ["nodes", Array.from({ length: 99 }, () => 1), Array.from({ length: 100 }, () => 1), { nodes: 100 }],
    ["endless proxies", {}, endless(), {}],
    ["BigInt digits", 10n ** 9_999n, 10n ** 10_000n, {}],
    ["BigInt of a million digits", -(10n ** 9_999n), 10n ** 1_000_000n, {}],
    ["holes", sparse(100_000), sparse(100_001), {}],
    ["RegExp", new RegExp("a".repeat(10_000)), new RegExp("a".repeat(10_001)), {}],
    ["RegExps together", regExps(5, 10_000), [...regExps(5, 10_000), /x/], {}],
    ["property escapes", [propertyEscapes(50), propertyEscapes(50)], [propertyEscapes(50), propertyEscapes(51)], {}],
    ["text", "a".repeat(96), "a".repeat(97), { textLength: 100 }],
    ["blobs", [new Uint8Array(5), new Uint8Array(5)], [new Uint8Array(5), new Uint8Array(6)], { blobBytes: 10 }],
  ];

  for (const [name, within, beyond, limits] of cases) {
    test(name, () => {
      const { text, blobs } = encode(within, { limits });
      expect(() => decode(text, blobs, { limits })).not.toThrow();
      const error = caught(() => encode(beyond, { limits }));
      expect(SerializationError.is(error)).toBe(true);
    });
  }

  test("a backslash before a letter p is no property escape, and neither is one without a Unicode flag", () => {
    const value = [new RegExp("\\\\p".repeat(101), "u"), new RegExp("\\p".repeat(101))];
    const { text } = encode(value);
    expect(decode(text, [])).toEqual(value);
  });

  test("texts that are too long together are refused before there is one text of them", () => {
    const megabyte = "x".repeat(1024 * 1024);
    const refusal = refusalOf(Array.from({ length: 2_000 }, (_, index) => `${megabyte}${index}`));
    expect(refusal.message).toContain("characters of text");
    expect(refusal.hint).toContain("Store large data elsewhere");
  });

  test("a text of 32 Mi characters is refused whatever its kind", () => {
    expect(refusalOf("x".repeat(32 * 1024 * 1024)).message).toContain("characters of text");
  });
});

function regExps(count: number, length: number): RegExp[] {
  return Array.from({ length: count }, (_, index) => new RegExp(String(index).repeat(length)));
}

function propertyEscapes(count: number): RegExp {
  return new RegExp("\\p{Lu}".repeat(count), "u");
}

function sparse(holes: number): unknown[] {
  const array: unknown[] = [];
  array.length = holes;
  array.push(1);
  return array;
}

function deepMaps(depth: number): object {
  let value: object = {};
  for (let level = 0; level < depth; level++) value = new Map([[[{ level }], { value }]]);
  return value;
}

function causes(depth: number): Error {
  let error = new Error("innermost");
  for (let level = 0; level < depth; level++) error = new Error("outer", { cause: error });
  return error;
}

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return expect.unreachable("it did not throw");
}
