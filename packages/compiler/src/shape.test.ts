import { parseSync } from "oxc-parser";
import { expect, test } from "vitest";
import { shapeOf } from "./shape.ts";

function shape(params: string): string {
  const [statement] = parseSync("a.ts", `function f(${params}) {}`).program.body;
  if (statement?.type !== "FunctionDeclaration") throw new Error("not a function");
  return shapeOf(statement.params);
}

test.each([
  ["", "()"],
  ["order: Order, id?: string", "(order,id)"],
  ["this: Window, a = 1", "(a=)"],
  ["order, { b, a }, ...rest: string[]", "(order,{a,b},...rest)"],
  ["{ b: renamed, a: { c, d = 2 } = {}, ...others }", "({a:{c,d=}=,b,...others})"],
  ["[x, , [y] = [], ...z]", "([x,,[y]=,...z])"],
  ['{ "a-b": c, [key]: d, 5: e }', "({5,[],a-b})"],
])("f(%s) has the shape %s", (params, expected) => {
  expect(shape(params)).toBe(expected);
});

test("what does not change how a step is called does not change the shape", () => {
  expect(shape("{ a, b }: { a: 1; b: 2 }, c = 1")).toBe(shape("{ b: x, a: y }, c = other()"));
});
