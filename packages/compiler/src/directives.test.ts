import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CompileError } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { transformHost } from "./host-module.ts";

const errors = join(import.meta.dirname, "fixtures/errors");

function failure(text: string): CompileError {
  try {
    transformHost(text, { file: "/project/src/orders.ts", root: "/project" });
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
  throw new Error("The module compiled.");
}

describe("directives that would have no effect are errors", () => {
  for (const file of readdirSync(errors).filter((name) => name.endsWith(".ts"))) {
    test(file, async () => {
      const text = readFileSync(join(errors, file), "utf8");
      const error = failure(text);
      expect(error.code).toBe("COMPILE_FAILED");
      for (const diagnostic of error.diagnostics) {
        expect(diagnostic.hint === "" && !diagnostic.message.startsWith("Syntax error")).toBe(false);
        expect(diagnostic.file).toBe("src/orders.ts");
      }
      await expect(`${error.message}\n`).toMatchFileSnapshot(join(errors, file.replace(".ts", ".txt")));
    });
  }
});

test("every place with a directive is reported, not only the first", () => {
  const error = failure('class A { a() { "use step"; } }\nconst o = { b() { "use step"; } };');
  expect(error.diagnostics.map(({ line, column }) => [line, column])).toEqual([
    [1, 17],
    [2, 19],
  ]);
});

test.each([
  ['const text = "use step";'],
  ['console.log("use steps");'],
  ['export function f() { "use strict"; }'],
  ['"use client";\nexport function f() { "use server"; "use cache"; }'],
  ['const x = { "use step": 1 };'],
  ["const x = `use step`;"],
  ['export function f() { "useful words"; }'],
])("ordinary strings are not directives: %s", (text) => {
  expect(transformHost(text, { file: "/project/a.ts", root: "/project" })).toBeNull();
});
