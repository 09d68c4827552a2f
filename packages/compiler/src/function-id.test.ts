import { expect, test } from "vitest";
import { functionId, isExplicitName, relativePath } from "./function-id.ts";

test.each([
  ["/app/src/orders.ts", "step//./src/orders//charge"],
  ["/app/src/orders.test.mts", "step//./src/orders.test//charge"],
  ["/app/index.jsx", "step//./index//charge"],
  ["/app/my dir/ü.ts", "step//./my dir/ü//charge"],
  ["/shared/a.ts", "step//../shared/a//charge"],
])("the id of a step of %s", (file, id) => {
  expect(functionId("step", relativePath(file, "/app"), "charge")).toBe(id);
});

test("the two Unicode forms of a file name give the same id", () => {
  const composed = functionId("workflow", relativePath("/app/\u00fc.ts", "/app"), "\u00e9");
  const decomposed = functionId("workflow", relativePath("/app/u\u0308.ts", "/app"), "e\u0301");
  expect(decomposed).toBe(composed);
});

test("explicit names", () => {
  expect(["charge", "charge v2", "a/b", "ü"].map(isExplicitName)).toEqual([true, true, true, true]);
  expect(["", " a", "a ", "a//b", "a\nb"].map(isExplicitName)).toEqual([false, false, false, false, false]);
});
