import { expect, test } from "vitest";
import { median, percentile } from "./median.ts";

test("the median is the middle value, whatever the order", () => {
  expect(median([9])).toBe(9);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([10, 9, 100])).toBe(10);
});

test("a percentile is a value of the list", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(values, 50)).toBe(50);
  expect(percentile(values, 99)).toBe(99);
  expect(percentile(values, 100)).toBe(100);
  expect(percentile([7, 8], 0)).toBe(7);
});

test("nothing has no median", () => {
  expect(() => median([])).toThrow("no values");
  expect(() => percentile([], 50)).toThrow("no values");
});

test("measuring does not reorder what was measured", () => {
  const values = [3, 1, 2];
  median(values);
  expect(values).toEqual([3, 1, 2]);
});
