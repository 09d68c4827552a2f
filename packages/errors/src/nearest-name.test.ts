import { expect, test } from "vitest";
import { nearestName } from "./nearest-name.ts";

test.each([
  ["sho", ["list", "show"], "show"],
  ["WORLD", ["world", "worker"], "world"],
  ["wrold", ["world", "worker"], "world"],
  ["banana", ["list", "show"], null],
  ["x", ["y"], "y"],
  ["", ["list"], null],
  ["list", [], null],
])("%j among %j is %j", (name, candidates, expected) => {
  expect(nearestName(name, candidates)).toBe(expected);
});
