import { describe, expect, it } from "vitest";
import { fromStoredText, hashOfKey, toStoredText } from "./stored-text.ts";

const units = ["a", "\\", "\0", "\ud83d", "\ude80", "u0000", "é"];

/** Every string of up to four of these. */
function* strings(length: number): Generator<string> {
  yield "";
  if (length === 0) return;
  for (const rest of strings(length - 1)) for (const unit of units) yield unit + rest;
}

describe("text as it is stored", () => {
  const all = [...new Set(strings(4))];

  it("is UTF-8 without NUL", () => {
    for (const text of all) {
      const stored = toStoredText(text);
      expect(stored).not.toContain("\0");
      expect(stored.isWellFormed()).toBe(true);
    }
  });

  it("comes back as it was, and is another one for each string", () => {
    for (const text of all) expect(fromStoredText(toStoredText(text))).toBe(text);
    expect(new Set(all.map(toStoredText)).size).toBe(all.length);
    expect(new Set(all.map((text) => hashOfKey(text).toString("hex"))).size).toBe(all.length);
  });

  it("is the string itself where there is nothing special", () => {
    expect(toStoredText("order-42 ünïcode \u{1f680}")).toBe("order-42 ünïcode \u{1f680}");
  });
});
