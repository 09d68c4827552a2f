import { expect, test } from "vitest";
import { duplicateIds, type ModuleManifest, mergeManifests } from "./manifest.ts";

function module(file: string, ...names: string[]): ModuleManifest {
  const steps = names.map((name, index) => ({ id: `step//${name}`, name, file, line: index + 1, shape: "()" }));
  return { file, workflows: [], steps };
}

test("the order of the modules does not matter, and a module given twice counts once", () => {
  const a = module("a.ts", "z", "b");
  const b = module("b.ts", "c");
  const merged = mergeManifests([b, a, a]);
  expect(merged).toEqual(mergeManifests([a, b]));
  expect(merged.steps.map(({ id }) => id)).toEqual(["step//b", "step//c", "step//z"]);
  expect(duplicateIds(merged)).toEqual([]);
});

test("two modules with one id are found with both places", () => {
  const merged = mergeManifests([module("b.ts", "pay"), module("a.ts", "x", "pay")]);
  expect(duplicateIds(merged)).toMatchObject([
    { id: "step//pay", first: { file: "a.ts", line: 2 }, second: { file: "b.ts", line: 1 } },
  ]);
});
