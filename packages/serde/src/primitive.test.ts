import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decode } from "./decode.ts";
import { encode } from "./encode.ts";
import { decodePrimitive, encodePrimitive } from "./primitive.ts";

// Limits turn the short way off, so that the codec itself is compared with it.
const wholeCodec = { limits: {} };

const primitive = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("\ud800", "\udc00", "\u2028", "<", '"', "\\", "\0", "\x7f", "é", " ", "a") }),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.constantFrom(undefined, null, true, false, -0, 0, 1e21, 5e-324, Number.NaN, Number.POSITIVE_INFINITY),
);

describe("the short way for primitives", () => {
  test("gives the text and the value that the codec gives", () => {
    fc.assert(
      fc.property(primitive, (value) => {
        const { text } = encode(value, wholeCodec);
        expect(encodePrimitive(value)).toBe(text);
        expect(encode(value).text).toBe(text);
        const decoding = decodePrimitive(text);
        expect(decoding.hit && Object.is(decoding.value, value)).toBe(true);
        expect(Object.is(decode(text, [], wholeCodec), value)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("misses everything that is no primitive", () => {
    const values = [{}, [], [1], new Date(0), new Map(), Object(1n), Object("s"), new Error("x"), new URL("http://a")];
    for (const value of values) {
      expect(encodePrimitive(value)).toBe(undefined);
      expect(decodePrimitive(encode(value).text)).toEqual({ hit: false });
    }
    for (const value of [() => 1, Symbol("s"), 10n ** 10_000n]) expect(encodePrimitive(value)).toBe(undefined);
  });

  test("agrees with the codec on every text that is nearly one", () => {
    const piece = fc.constantFrom(
      "[",
      "]",
      '"',
      "-",
      "0",
      "1",
      "6",
      ".",
      "e",
      "+",
      " ",
      ",",
      "null",
      "true",
      "BigInt",
      "\\",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.boolean(), (pieces, framed) => {
        const text = framed ? `[${pieces.join("")}]` : pieces.join("");
        const decoding = decodePrimitive(text);
        if (decoding.hit) expect(Object.is(decode(text, [], wholeCodec), decoding.value)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});
