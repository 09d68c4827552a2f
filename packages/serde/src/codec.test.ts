import { FatalError, HookConflictError, PerdureError, RetryableError, StepLostError } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { packPayload, unpackPayload } from "./payload.ts";

interface Row {
  readonly name: string;
  readonly value: unknown;
  /** What must hold for the value that came back, where being equal to the original does not say it. */
  readonly check?: (back: never) => void;
}

function roundTrip(value: unknown): unknown {
  const packed = packPayload(encode(value));
  const { text, blobs } = unpackPayload(packed);
  return decode(text, blobs);
}

function sparse(): unknown[] {
  const array: unknown[] = [];
  array[3] = "x";
  array.length = 90_000;
  return array;
}

class NamedError extends TypeError {
  override name = "NamedError";
  readonly statusCode = 402;
}

const shared = { a: 1 };
const buffer = new ArrayBuffer(64);
const bytes = new Uint8Array(buffer).map((_, index) => index);
new Uint8Array(buffer).set(bytes);
const pooled = Buffer.from("pooled bytes");

const rows: readonly Row[] = [
  { name: "undefined", value: undefined },
  { name: "null", value: null },
  { name: "negative zero", value: -0 },
  { name: "NaN", value: Number.NaN },
  { name: "Infinity", value: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] },
  { name: "numbers", value: [0, 1, -1, 1e21, 5e-324, 2 ** 53, 0.1] },
  { name: "bigint", value: [0n, -1n, 2n ** 64n, 10n ** 9_999n] },
  { name: "strings", value: ["", "a", '"<\\>\u2028\0\n', "😀", "\ud800", "a\udfffb"] },
  { name: "a lone surrogate as a property name", value: { "\ud800": 1 } },
  { name: "plain object", value: { b: 1, a: { c: undefined }, 2: "two", 1: "one" } },
  {
    name: "null-prototype object",
    value: Object.assign(Object.create(null), { x: 1, toString: 2 }),
    check: (back: object) => expect(Object.getPrototypeOf(back)).toBe(null),
  },
  { name: "properties named like those of Object.prototype", value: { constructor: 1, toString: { valueOf: 2 } } },
  {
    name: "few holes",
    // biome-ignore lint/suspicious/noSparseArray: holes are what this row is about
    value: [1, , 3],
    check: (back: unknown[]) => expect([1 in back, back.length]).toEqual([false, 3]),
  },
  {
    name: "many holes",
    value: sparse(),
    check: (back: unknown[]) => expect([Object.keys(back), back.length]).toEqual([["3"], 90_000]),
  },
  { name: "date", value: new Date(1_700_000_000_123) },
  { name: "dates at the bounds", value: [new Date(8.64e15), new Date(-8.64e15)] },
  {
    name: "invalid date",
    value: new Date(Number.NaN),
    check: (back: Date) => expect(back.getTime()).toBeNaN(),
  },
  { name: "regular expressions", value: [/a\/"b/giu, /(?<x>.)\n/, /(?:)/] },
  { name: "URL", value: new URL("https://user@example.com:8443/p?q=1#h") },
  {
    name: "URLSearchParams",
    value: new URLSearchParams("a=1&a=2&b=%20"),
    check: (back: URLSearchParams) => expect([...back]).toEqual([...new URLSearchParams("a=1&a=2&b=%20")]),
  },
  {
    name: "map order",
    value: new Map<unknown, unknown>([
      ["b", 1],
      [1, "a"],
      [{ k: 1 }, new Map()],
      [Number.NaN, -0],
      ["a", 2],
    ]),
    check: (back: Map<unknown, unknown>) => expect([...back.keys()]).toEqual(["b", 1, { k: 1 }, Number.NaN, "a"]),
  },
  {
    name: "set order",
    value: new Set(["b", "a", 3, undefined]),
    check: (back: Set<unknown>) => expect([...back]).toEqual(["b", "a", 3, undefined]),
  },
  { name: "boxed primitives", value: [Object("s"), Object(1), Object(true)] },
  ...[
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type) => ({ name: type.name, value: new type(buffer, 16, 2) })),
  {
    name: "DataView",
    value: new DataView(buffer, 3, 5),
    check: (back: DataView) => expect([back.byteLength, back.getUint8(0)]).toEqual([5, 3]),
  },
  { name: "ArrayBuffer", value: buffer.slice(0) },
  { name: "empty binary values", value: [new ArrayBuffer(0), new Uint8Array(0), new Float64Array(buffer, 8, 0)] },
  {
    name: "only the bytes that a view shows",
    value: new Uint8Array(buffer, 10, 5),
    check: (back: Uint8Array) => expect([back.buffer.byteLength, [...back]]).toEqual([5, [10, 11, 12, 13, 14]]),
  },
  {
    name: "views on one buffer share it, aligned",
    value: [new Uint32Array(buffer, 12, 1), new Float64Array(buffer, 16, 2), new Uint8Array(buffer, 30, 10)],
    check: (back: [Uint32Array, Float64Array, Uint8Array]) => {
      const [narrow, wide, late] = back;
      expect(narrow.buffer).toBe(wide.buffer);
      expect(late.buffer).toBe(wide.buffer);
      expect([...late]).toEqual([30, 31, 32, 33, 34, 35, 36, 37, 38, 39]);
      expect(wide.buffer.byteLength).toBeLessThanOrEqual(32);
    },
  },
  {
    name: "a buffer beside a view on it, whichever comes first",
    value: { view: new Uint8Array(buffer, 8, 8), buffer, again: new DataView(buffer, 60) },
    check: (back: { view: Uint8Array; buffer: ArrayBuffer; again: DataView }) => {
      expect(back.view.buffer).toBe(back.buffer);
      expect(back.again.buffer).toBe(back.buffer);
      expect([back.buffer.byteLength, back.view.byteOffset, back.again.getUint8(0)]).toEqual([64, 8, 60]);
    },
  },
  {
    name: "the same view twice",
    value: [bytes, bytes],
    check: (back: unknown[]) => expect(back[0]).toBe(back[1]),
  },
  {
    name: "Buffer, without its pool",
    value: [pooled, pooled, Buffer.from("other")],
    check: (back: Uint8Array[]) => {
      expect(back[0]).toEqual(new Uint8Array(pooled));
      expect(Buffer.isBuffer(back[0])).toBe(false);
      expect(back[0]?.buffer.byteLength).toBe(pooled.length);
      expect(back[0]).toBe(back[1]);
      expect(back[2]?.buffer).not.toBe(back[0]?.buffer);
    },
  },
  {
    name: "shared references",
    value: [shared, { shared }, new Map([[shared, new Set([shared])]])],
    check: (back: [object, { shared: object }, Map<object, Set<object>>]) => {
      const [first, { shared: second }, map] = back;
      expect(second).toBe(first);
      expect(map.get(first)?.has(first)).toBe(true);
    },
  },
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => ({
    name: type.name,
    value: new type("went wrong"),
    check: (back: Error) => {
      expect(back.constructor).toBe(type);
      expect([back.name, back.message]).toEqual([type.name, "went wrong"]);
      expect(back.stack).toContain("codec.test.ts");
      expect(Object.keys(back)).toEqual([]);
    },
  })),
  {
    name: "error with cause, own properties and an empty message",
    value: Object.assign(new Error("", { cause: { reason: ["deep"] } }), { code: "E_CARD", when: new Date(5) }),
    check: (back: Error & { code: string; when: Date }) => {
      expect([back.cause, back.code, back.when]).toEqual([{ reason: ["deep"] }, "E_CARD", new Date(5)]);
      expect(Object.keys(back)).toEqual(["code", "when"]);
    },
  },
  {
    name: "a cause that is undefined is still a cause",
    value: [new Error("a", { cause: undefined }), new Error("b")],
    check: (back: Error[]) => expect(back.map((error) => Object.hasOwn(error, "cause"))).toEqual([true, false]),
  },
  {
    name: "AggregateError",
    value: new AggregateError([new TypeError("one"), 2], "all failed"),
    check: (back: AggregateError) => {
      expect(back).toBeInstanceOf(AggregateError);
      expect(back.errors[0]).toBeInstanceOf(TypeError);
      expect([back.message, back.errors[1], Object.keys(back)]).toEqual(["all failed", 2, []]);
    },
  },
  {
    name: "DOMException",
    value: new DOMException("stopped", "AbortError"),
    check: (back: DOMException) => {
      expect(back).toBeInstanceOf(DOMException);
      expect([back.name, back.message, back.code]).toEqual(["AbortError", "stopped", 20]);
    },
  },
  {
    name: "unknown error class",
    value: new NamedError("no funds"),
    check: (back: NamedError) => {
      expect(back.constructor).toBe(Error);
      expect([back.name, back.message, back.statusCode]).toEqual(["NamedError", "no funds", 402]);
    },
  },
  {
    name: "properties named by indices, with gaps and without",
    value: [
      { 1023: 1 },
      { 0: 1, 17: 2, 4294967294: 3, a: 4 },
      Object.assign(Object.create(null), { 99: 1, 100: 2, 7: 3 }),
    ],
    check: (back: object[]) =>
      expect(back.map((part) => Object.keys(part))).toEqual([
        ["1023"],
        ["0", "17", "4294967294", "a"],
        ["7", "99", "100"],
      ]),
  },
  {
    name: "errors of Perdure",
    value: [
      new FatalError("no", { cause: new RangeError("why"), hint: "try less", where: { runId: "wrun_1" } }),
      new RetryableError("later", { retryAfter: new Date(9) }),
      new StepLostError("charge", 5),
      new HookConflictError("secret-token", "wrun_2"),
    ],
    check: (back: [FatalError, RetryableError, StepLostError, HookConflictError]) => {
      const [fatal, retryable, lost, conflict] = back;
      expect([FatalError.is(fatal), fatal instanceof FatalError, fatal.fatal, fatal.name]).toEqual([
        true,
        true,
        true,
        "FatalError",
      ]);
      expect([fatal.cause, fatal.hint, fatal.where]).toEqual([new RangeError("why"), "try less", { runId: "wrun_1" }]);
      expect([RetryableError.is(retryable), retryable.retryAfter]).toEqual([true, new Date(9)]);
      expect([StepLostError.is(lost), lost.deliveries]).toEqual([true, 5]);
      expect([HookConflictError.is(conflict), conflict.conflictingRunId]).toEqual([true, "wrun_2"]);
    },
  },
];

describe("a value comes back as it was", () => {
  for (const { name, value, check } of rows) {
    test(name, () => {
      const back = roundTrip(value);
      if (!(value instanceof Error)) expect(withoutBuffers(back)).toEqual(withoutBuffers(value));
      check?.(back as never);
    });
  }
});

// A Buffer comes back as a Uint8Array, which vitest tells apart.
function withoutBuffers(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return new Uint8Array(value);
  return Array.isArray(value) && value.some((item) => Buffer.isBuffer(item)) ? value.map(withoutBuffers) : value;
}

describe("cycles", () => {
  test("through objects, arrays, maps and sets", () => {
    const object: Record<string, unknown> = {};
    const map = new Map<unknown, unknown>();
    object["list"] = [object, new Set([object, map])];
    map.set(map, object);
    object["map"] = map;
    const back = roundTrip(object) as { list: [unknown, Set<unknown>]; map: Map<unknown, unknown> };
    expect(back.list[0]).toBe(back);
    expect([...back.list[1]]).toEqual([back, back.map]);
    expect(back.map.get(back.map)).toBe(back);
  });

  test("through causes, own properties and the errors of an AggregateError", () => {
    const first = new Error("first") as Error & { self?: unknown };
    const second = new TypeError("second", { cause: first });
    first.cause = new AggregateError([second, first], "both");
    first.self = [first];
    const back = roundTrip([second, first]) as [Error, Error & { self: unknown[]; cause: AggregateError }];
    expect(back[0].cause).toBe(back[1]);
    expect(back[1].self[0]).toBe(back[1]);
    expect(back[1].cause.errors).toEqual([back[0], back[1]]);
    expect(back[1].cause.errors[0]).toBe(back[0]);
    expect(back[0]).toBeInstanceOf(TypeError);
    expect(back[1].cause).toBeInstanceOf(AggregateError);
  });
});

describe("errors", () => {
  test("a code of ours that this version does not know is still one of ours", () => {
    const future = new PerdureError("FROM_THE_FUTURE", "not known yet");
    const back = roundTrip(future) as PerdureError;
    expect([PerdureError.is(back), back.code]).toEqual([true, "FROM_THE_FUTURE"]);
  });

  test("without stacks the text does not tell where the error was made", () => {
    const make = (): Error => new Error("same");
    const first = make();
    const second = make();
    second.stack = "elsewhere";
    const blank = encode(first, { stacks: false });
    expect(blank).toEqual(encode(second, { stacks: false }));
    expect([blank.hasStack, encode(first).hasStack, encode({ a: [first] }).hasStack]).toEqual([false, true, true]);
    expect(encode([1]).hasStack).toBe(false);
    expect((decode(blank.text, []) as Error).stack).toBe("Error: same");
  });

  test("own properties keep their order, a name among them", () => {
    const error = Object.assign(new NamedError("no funds"), { later: 1 });
    const back = roundTrip(error) as Error;
    expect(Object.keys(back)).toEqual(["name", "statusCode", "later"]);
    expect(Object.keys(roundTrip(new FatalError("no")) as Error)).toEqual(Object.keys(new FatalError("no")));
    expect(encode(back).text).toBe(encode(error).text);
  });

  test("a name that is an object is kept beside the text that stands for it", () => {
    const levels: unknown[] = [1];
    for (let level = 0; level < 60; level++) levels.push([levels.at(-1), levels.at(-1)]);
    for (const name of [Object.create(null), levels.at(-1), { toString: 5 }]) {
      const original = Object.assign(new Error("odd"), { name });
      // Making the stack of such an error may throw.
      original.stack = "odd";
      const back = roundTrip(original) as Error;
      expect(Object.prototype.toString.call(back.name)).toBe(Object.prototype.toString.call(name));
      const error = new Error("odd");
      error.stack = "odd";
      Object.defineProperty(error, "name", { value: name });
      expect((roundTrip(error) as Error).name).toBe("[object Object]");
    }
  });

  test("a message that was replaced by something else is written as text", () => {
    const error = new Error("x");
    Object.defineProperty(error, "message", { value: 42 });
    expect((roundTrip(error) as Error).message).toBe("42");
  });
});

describe("blobs", () => {
  test("decoded bytes are a copy, or the blob itself when it is given away", () => {
    const { text, blobs } = encode(new Uint8Array([1, 2, 3]));
    const copy = decode(text, blobs) as Uint8Array;
    copy[0] = 9;
    expect(blobs[0]?.[0]).toBe(1);
    const taken = decode(text, blobs, { takeBlobs: true }) as Uint8Array;
    expect(taken.buffer).toBe(blobs[0]?.buffer);
  });

  test("the text holds none of the bytes", () => {
    const { text, blobs } = encode({ file: new Uint8Array(100_000) });
    expect(text.length).toBeLessThan(80);
    expect(blobs.map((blob) => blob.byteLength)).toEqual([100_000]);
  });
});

describe("canonical text", () => {
  test("equal content gives equal text, whatever the offset of a view in its buffer", () => {
    const make = (offset: number): unknown => ({ m: new Map([["a", 1]]), b: new Uint8Array(buffer, offset, 0), 1: 2 });
    expect(encode(make(3))).toEqual(encode(make(40)));
  });

  test("an encoding inside of a getter does not disturb the one around it", () => {
    const value = {
      a: [1],
      get b() {
        return encode({ inner: [new Error("x"), new Uint8Array(2)] }, { stacks: false }).text;
      },
      c: { d: [2] },
    };
    expect(encode(value).text).toBe(encode({ a: [1], b: value.b, c: { d: [2] } }).text);
    expect(encode(value).hasStack).toBe(false);
  });

  test("the types of the registry are used", () => {
    class OwnUrl {
      readonly text: string;
      constructor(text: string) {
        this.text = text;
      }
    }
    const { text } = encode(new URL("http://a/"));
    expect(decode(text, [], { types: { URL: OwnUrl } })).toEqual(new OwnUrl("http://a/"));
  });
});
