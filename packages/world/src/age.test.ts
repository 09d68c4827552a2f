import { expect, test } from "vitest";
import { parseAge } from "./age.ts";

test.each([
  ["90s", 90_000],
  ["15m", 900_000],
  ["12h", 43_200_000],
  ["30d", 2_592_000_000],
  ["2w", 1_209_600_000],
  ["0d", 0],
])("%s is an age", (text, ms) => {
  expect(parseAge(text)).toBe(ms);
});

test.each(["", "30", "d", "-1d", "1.5h", "30 d", "1y", "1234567d", "constructor"])("%j is none", (text) => {
  expect(parseAge(text)).toBeNull();
});
