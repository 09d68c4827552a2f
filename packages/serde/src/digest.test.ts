import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { inputDigest } from "./digest.ts";
import { encode } from "./encode.ts";

function digestOf(value: unknown): string {
  const { text, blobs } = encode(value, { stacks: false });
  return inputDigest(text, blobs);
}

test("is the version and 128 bits of SHA-256 over the text", () => {
  const sha256 = createHash("sha256").update('[{"a":1},"é"]').digest("hex");
  expect(digestOf({ a: "é" })).toBe(`1:${sha256.slice(0, 32)}`);
});

test("is equal for equal content and differs with order, sharing, bytes and kind", () => {
  const shared = {};
  const values: readonly (() => unknown)[] = [
    () => ({ a: 1, b: 2 }),
    () => ({ b: 2, a: 1 }),
    () =>
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    () =>
      new Map([
        ["b", 2],
        ["a", 1],
      ]),
    () => [shared, shared],
    () => [{}, {}],
    () => new Uint8Array([1, 2]),
    () => new Uint8Array([1, 3]),
    () => new Int8Array([1, 2]),
    () => [new Uint8Array([1]), new Uint8Array([2, 3])],
    () => [new Uint8Array([1, 2]), new Uint8Array([3])],
    () => -0,
    () => 0,
    () => "0",
    () => 0n,
    () => new Error("x"),
    () => new TypeError("x"),
  ];
  for (const make of values) expect(digestOf(make())).toBe(digestOf(make()));
  expect(new Set(values.map((make) => digestOf(make()))).size).toBe(values.length);
});

test("does not depend on where an error was made or which memory a Buffer came from", () => {
  const inOneFrame = new Error("x", { cause: new Error("y") });
  const make = (): Error => new Error("x", { cause: new Error("y") });
  expect(digestOf([make(), Buffer.from("abc")])).toBe(digestOf([inOneFrame, Buffer.from("abc")]));
});
