import { FatalError } from "@perdure/errors";
import { expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";

function roundTrip(value: unknown): unknown {
  const { text, blobs } = encode(value, { unstorableErrorParts: "omit" });
  return decode(text, blobs);
}

class Socket {
  readonly secret = 1;
}

test("what hangs on an error and cannot be stored is omitted, the rest is kept", () => {
  const error = Object.assign(new TypeError("request failed", { cause: new Error("reset", { cause: new Socket() }) }), {
    code: "ECONNRESET",
    request: new Socket(),
    config: { url: "http://a/", transform: [() => 1] },
    response: { status: 500, at: new Date(1) },
    toJSON: () => ({}),
  });
  Object.defineProperty(error, "broken", {
    enumerable: true,
    get() {
      throw new RangeError("no");
    },
  });
  const back = roundTrip({ error }) as { error: Error & { cause: Error } };
  expect(back.error).toBeInstanceOf(TypeError);
  expect(Object.entries(back.error)).toEqual([
    ["code", "ECONNRESET"],
    ["response", { status: 500, at: new Date(1) }],
  ]);
  expect(back.error.cause.message).toBe("reset");
  expect(Object.hasOwn(back.error.cause, "cause")).toBe(false);
});

test("cycles, sub-errors and errors of Perdure", () => {
  const looping = new FatalError("gave up", { cause: new AggregateError([new Error("one"), new Socket()], "all") });
  const inner = new AggregateError([new Error("two")], "some") as AggregateError & { parent?: unknown; f?: unknown };
  inner.parent = looping;
  inner.f = () => looping;
  const [fatal, some] = roundTrip([looping, inner]) as [FatalError, AggregateError & { parent: unknown }];
  expect(FatalError.is(fatal)).toBe(true);
  expect((fatal.cause as AggregateError).message).toBe("all");
  expect((fatal.cause as AggregateError).errors).toEqual([]);
  expect(some.errors[0].message).toBe("two");
  expect(some.parent).toBe(fatal);
  expect(Object.keys(some)).toEqual(["parent"]);
});

test("a long chain of causes is cut, not refused", () => {
  let error = new Error("innermost");
  for (let level = 0; level < 2_000; level++) error = new Error("outer", { cause: error });
  let length = 0;
  for (let at = roundTrip(error); at instanceof Error; at = at.cause) length++;
  expect(length).toBe(51);
});

test("anything outside of an error is refused as ever", () => {
  expect(() => encode({ f: () => 1 }, { unstorableErrorParts: "omit" })).toThrow(/at \.f/);
});

test("by default the whole value is refused", () => {
  expect(() => encode(Object.assign(new Error("x"), { socket: new Socket() }))).toThrow(/at \.socket: .*class Socket/);
});
