import { describe, expect, it } from "vitest";
import { KeyedTurns } from "./keyed-turns.ts";

describe("turns", () => {
  it("of one key are taken in order, also after one that failed; other keys do not wait", async () => {
    const turns = new KeyedTurns();
    const gate = Promise.withResolvers<void>();
    const seen: string[] = [];
    const first = turns.take("a", async () => {
      await gate.promise;
      seen.push("a1");
      throw new TypeError("the first one fails");
    });
    const second = turns.take("a", async () => seen.push("a2"));
    const third = turns.take("a", async () => seen.push("a3"));
    await turns.take("b", async () => seen.push("b1"));
    gate.resolve();
    await expect(first).rejects.toThrow("the first one fails");
    await Promise.all([second, third]);
    expect(seen).toEqual(["b1", "a1", "a2", "a3"]);
  });
});
