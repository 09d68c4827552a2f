import { ConfigError } from "@perdure/errors";
import { expect, test } from "vitest";
import {
  developedEnvironment,
  postgresUrlVariable,
  takeDevMark,
  terminalVariables,
  workerAllowed,
  worldVariable,
} from "./environment.ts";

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

test.each([
  [undefined, null],
  ["", null],
  ["local", "local"],
  ["postgres", "postgres"],
])("PERDURE_WORLD=%j names %j", (value, expected) => {
  expect(worldVariable({ PERDURE_WORLD: value })).toBe(expected);
});

test.each(["Postgres", "sqlite", " "])("PERDURE_WORLD=%j is refused", (value) => {
  expect(() => worldVariable({ PERDURE_WORLD: value })).toThrow(ConfigError);
});

test("a program that is developed finds its world, and its own programs do not find the mark", () => {
  const env = developedEnvironment("postgres", "postgresql://u:p@h/d", { PATH: "/bin", PERDURE_WORLD: "local" });
  expect(env).toEqual({
    PATH: "/bin",
    PERDURE_DEV: "1",
    PERDURE_WORLD: "postgres",
    PERDURE_POSTGRES_URL: "postgresql://u:p@h/d",
  });
  expect(postgresUrlVariable(env)).toBe("postgresql://u:p@h/d");
  expect([takeDevMark(env), takeDevMark(env)]).toEqual([true, false]);
  expect(developedEnvironment(undefined, null, { A: "b" })).toEqual({ A: "b", PERDURE_DEV: "1" });
});
