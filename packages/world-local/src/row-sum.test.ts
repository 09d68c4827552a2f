import { describe, expect, it } from "vitest";
import { bytesMatch, sumOf, sumOfBytes } from "./row-sum.ts";

describe("the checksum of a row", () => {
  it("is the same for ever, because files hold it", () => {
    expect(sumOf([])).toBe(0);
    expect(sumOf([1, "a", null])).toMatchInlineSnapshot(`61091602`);
    expect(sumOf([2 ** 52 + 1, -1, "ü€😀", ""])).toMatchInlineSnapshot(`-1135154405`);
    expect(sumOfBytes(new Uint8Array([1, 2, 3]))).toMatchInlineSnapshot(`1438416925`);
  });

  it.each([
    ["a number and its text", [5], ["5"]],
    ["nothing and zero", [null], [0]],
    ["nothing and an empty text", [null], [""]],
    ["nothing and no number", [null], [Number.NaN]],
    ["letters that are divided otherwise", ["ab", "c"], ["a", "bc"]],
    ["another order", [1, 2], [2, 1]],
    ["one part more", [1], [1, null]],
    ["neighbours beyond 32 bits", [2 ** 52], [2 ** 52 + 1]],
    ["a text and a number of its length", ["ab", ""], ["", "ab"]],
  ] as const)("tells apart %s", (_, one, other) => {
    expect(sumOf(one)).not.toBe(sumOf(other));
  });

  it("takes no bytes for the number that JavaScript makes of them", () => {
    const damaged = [new Uint8Array()] as readonly unknown[] as readonly number[];
    expect(sumOf(damaged)).not.toBe(sumOf([0]));
  });

  it("finds every flipped bit of a text and a number", () => {
    const text = "hook_0123456789";
    const sums = new Set([sumOf([text, 77])]);
    for (let bit = 0; bit < text.length * 7; bit += 1) {
      const bytes = Buffer.from(text);
      bytes.writeUInt8(bytes.readUInt8(Math.floor(bit / 7)) ^ (1 << (bit % 7)), Math.floor(bit / 7));
      if (!bytes.includes(0)) sums.add(sumOf([bytes.toString(), 77]));
    }
    for (let bit = 0; bit < 48; bit += 1) sums.add(sumOf([text, 77 + 2 ** bit]));
    expect(sums.size).toBe(1 + text.length * 7 + 48);
  });

  it("is that of a text as the store gives it back", () => {
    expect(sumOf(["a\ud800b"])).toBe(sumOf(["a\ufffdb"]));
    expect(sumOf(["a\0b"])).toBe(sumOf(["a"]));
  });

  it("holds for bytes alone", () => {
    const bytes = new Uint8Array([104, 105]);
    const sum = sumOfBytes(bytes);
    expect(bytesMatch(bytes, sum)).toBe(true);
    expect(bytesMatch(null, null)).toBe(true);
    for (const other of ["hi", null, 5, new Uint8Array([104]), new Uint8Array([104, 104])]) {
      expect(bytesMatch(other, sum)).toBe(false);
    }
    expect(bytesMatch(bytes, null)).toBe(false);
  });
});
