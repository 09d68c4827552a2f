import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { publicSpecifiers, publishedPackages } from "./workspace.ts";

const root = resolve(import.meta.dirname, "..");

/** Each public module, with the folder from which its own package finds it by name. */
const entries = publishedPackages(root).flatMap(({ folder, manifest }) =>
  publicSpecifiers(manifest).map((specifier) => ({ specifier, folder: resolve(root, folder) })),
);

/** Runs one line in a process of its own, against what was built; answers what it printed. */
function evaluate(folder: string, inputType: "module" | "commonjs", code: string) {
  const parameters = [`--input-type=${inputType}`, "--eval", code];
  const { status, stdout, stderr } = spawnSync(process.execPath, parameters, { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

const print = (module: string): string => `console.log(Object.keys(${module}).sort().join(" "))`;

test("the entry points of all packages are found", () => {
  const names = entries.map(({ specifier }) => specifier);
  expect(names).toEqual(
    expect.arrayContaining(["perdure", "perdure/register", "@perdure/core", "@perdure/world/memory"]),
  );
});

describe.each(entries)("$specifier", ({ specifier, folder }) => {
  test("CommonJS gets the same names by require as an ES module by import, and nothing is printed", () => {
    const required = evaluate(folder, "commonjs", print(`require("${specifier}")`));
    const imported = evaluate(folder, "module", print(`await import("${specifier}")`));
    expect(imported).toMatchObject({ status: 0, stderr: "" });
    expect(required).toEqual(imported);
  });
});
