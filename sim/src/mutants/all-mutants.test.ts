import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mutants } from "./all-mutants.ts";
import { edited, filesOf, type Mutant } from "./mutant.ts";

const root = join(import.meta.dirname, "../../..");

test.each(mutants)("the edits of the mutant “$name” have their places", (mutant) => {
  for (const file of filesOf(mutant)) {
    const text = readFileSync(join(root, file), "utf8");
    expect(edited(mutant, file, text)).not.toBe(text);
  }
});

test("a mutant whose place is gone, or is there twice, is told with its file", () => {
  const mutant: Mutant = {
    name: "lost",
    breaks: "Nothing.",
    invariants: ["L1"],
    edits: [{ file: "a.ts", find: "const a = 1;", replace: "" }],
  };
  expect(() => edited(mutant, "a.ts", "const b = 1;")).toThrow(/"lost".* 0 times in a\.ts/);
  expect(() => edited(mutant, "a.ts", "const a = 1;const a = 1;")).toThrow(/"lost".* 2 times in a\.ts/);
  expect(edited(mutant, "b.ts", "const b = 1;")).toBe("const b = 1;");
});

test("names are told apart, and the requirement of twenty is met without the covered ones", () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  expect(mutants.filter(({ coveredBy }) => coveredBy === undefined).length).toBeGreaterThanOrEqual(30);
});
