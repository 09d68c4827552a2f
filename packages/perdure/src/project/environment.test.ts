import { ConfigError } from "@perdure/errors";
import { expect, test } from "vitest";
import { terminalVariables, workerAllowed } from "./environment.ts";

test.each([
  [undefined, true],
  ["", true],
  ["1", true],
  ["0", false],
])("PERDURE_WORKER=%j allows a worker: %j", (value, expected) => {
  expect(workerAllowed({ PERDURE_WORKER: value })).toBe(expected);
});

test.each(["false", "no", "2", " 0"])("PERDURE_WORKER=%j is refused", (value) => {
  expect(() => workerAllowed({ PERDURE_WORKER: value })).toThrow(ConfigError);
});

test("the command line gets its two variables and no other", () => {
  const env = { NO_COLOR: "1", FORCE_COLOR: undefined, SECRET: "x" };
  expect(terminalVariables(env)).toEqual({ NO_COLOR: "1", FORCE_COLOR: undefined });
});
