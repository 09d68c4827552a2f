import { expect, test } from "vitest";
import { findCycles } from "./boundaries/cycles.ts";
import { checkBoundaries } from "./check-boundaries.ts";
import { type RepositoryFiles, temporaryRepository } from "./temporary-repository.ts";

function findingsIn(files: RepositoryFiles): string[] {
  return checkBoundaries(temporaryRepository(files)).findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`);
}

const errors = { "packages/errors/package.json": { name: "@perdure/errors" } };

test("a package may import what lies below it, itself, and what Node brings", () => {
  const findings = findingsIn({
    ...errors,
    "packages/world/package.json": { name: "@perdure/world", dependencies: { "@perdure/errors": "workspace:^" } },
    "packages/world/src/index.ts": [
      'import { readFileSync } from "node:fs";',
      'import { PerdureError } from "@perdure/errors";',
      'import { suite } from "@perdure/world/conformance";',
      'export { b } from "./b.ts";',
    ].join("\n"),
    "packages/world/src/b.ts": "export const b = 1;",
  });
  expect(findings).toEqual([]);
});

test("an import against the direction is found in source and in package.json", () => {
  const findings = findingsIn({
    "packages/core/package.json": { name: "@perdure/core" },
    "packages/world/package.json": { name: "@perdure/world", dependencies: { "@perdure/core": "workspace:^" } },
    "packages/world/src/index.ts": '\nexport type { Run } from "@perdure/core";',
    "packages/world/src/lazy.ts": 'export const load = () => import("@perdure/core");',
  });
  expect(findings).toEqual([
    "packages/world/package.json:1 layer",
    "packages/world/src/index.ts:2 layer",
    "packages/world/src/lazy.ts:1 layer",
  ]);
});

test("core may share the compiler's contract and nothing else of it", () => {
  const findings = findingsIn({
    "packages/compiler/package.json": { name: "@perdure/compiler" },
    "packages/core/package.json": { name: "@perdure/core", dependencies: { "@perdure/compiler": "workspace:^" } },
    "packages/core/src/a.ts": 'import { stepPrefix } from "@perdure/compiler/contract";',
    "packages/core/src/b.ts": 'import { compile } from "@perdure/compiler";',
  });
  expect(findings).toEqual(["packages/core/src/b.ts:1 layer"]);
});

test("nothing imports perdure, except examples, benchmarks and end-to-end tests", () => {
  const dependencies = { perdure: "workspace:^" };
  const findings = findingsIn({
    "packages/perdure/package.json": { name: "perdure" },
    "packages/cli/package.json": { name: "@perdure/cli", dependencies },
    "packages/cli/src/index.ts": 'import "perdure";',
    "examples/shop/package.json": { name: "shop", private: true, dependencies },
    "examples/shop/run.ts": 'import "perdure/api";',
    "bench/package.json": { name: "bench", private: true, dependencies },
    "bench/src/main.ts": 'import "perdure";',
    "e2e/package.json": { name: "perdure-e2e", private: true, dependencies },
    "e2e/src/worker.ts": 'import "perdure";',
  });
  expect(findings).toEqual(["packages/cli/package.json:1 layer", "packages/cli/src/index.ts:1 layer"]);
});

test("a shipped file may not use a development dependency, a test may", () => {
  const findings = findingsIn({
    "docs/decisions/0002-dependencies.md": "- `zod` (errors): reads manifests\n",
    "packages/errors/package.json": { name: "@perdure/errors", devDependencies: { zod: "1" } },
    "packages/errors/src/index.ts": 'import { z } from "zod/v4";',
    "packages/errors/src/index.test.ts": 'import { z } from "zod";',
  });
  expect(findings).toEqual(["packages/errors/src/index.ts:1 unlisted"]);
});

test("the guest may use what the build has installed, and the engine around it may not", () => {
  const findings = findingsIn({
    "packages/core/package.json": { name: "@perdure/core", devDependencies: { zod: "1" } },
    "docs/decisions/0002-dependencies.md": "- `zod` (core): in the guest\n",
    "packages/core/src/realm/guest/url.ts": 'import "zod";',
    "packages/core/src/realm/realm.ts": 'import "zod";',
  });
  expect(findings).toEqual(["packages/core/src/realm/realm.ts:1 unlisted"]);
});

test("a dependency without a reason is found", () => {
  const findings = findingsIn({
    "docs/decisions/0002-dependencies.md": "- `zod` (world): reads rows\n",
    "packages/world/package.json": { name: "@perdure/world", dependencies: { zod: "1", left: "1" } },
  });
  expect(findings).toEqual(["packages/world/package.json:1 dependency-reason"]);
});

test("the source condition must come first, or a check would see a stale build", () => {
  const exports = { ".": { types: "./dist/index.d.ts", "@perdure/source": "./src/index.ts" } };
  expect(findingsIn({ "packages/errors/package.json": { name: "@perdure/errors", exports } })).toEqual([
    "packages/errors/package.json:1 export-conditions",
  ]);
});

test("a relative import that leaves its package is found", () => {
  const findings = findingsIn({
    ...errors,
    "packages/world/package.json": { name: "@perdure/world" },
    "packages/world/src/index.ts": 'import "../../errors/src/index.ts";',
  });
  expect(findings).toEqual(["packages/world/src/index.ts:1 relative-escape"]);
});

test("files that load one another are found, through re-exports and inline types as well", () => {
  const findings = findingsIn({
    ...errors,
    "packages/errors/src/a.ts": 'import { b } from "./b.ts";',
    "packages/errors/src/b.ts": 'export { c } from "./deep/c.ts";',
    "packages/errors/src/deep/c.ts": 'import { type A } from "../a.ts";',
  });
  expect(findings).toEqual(["packages/errors/src/a.ts:1 import-cycle"]);
});

test("types and lazy imports close no circle", () => {
  const findings = findingsIn({
    ...errors,
    "packages/errors/src/a.ts": 'import "./b.ts"; import "./c.ts";',
    "packages/errors/src/b.ts": 'import type { A } from "./a.ts"; export type { B } from "./a.ts";',
    "packages/errors/src/c.ts": 'export const load = () => import("./a.ts"); type A = import("./a.ts").A;',
  });
  expect(findings).toEqual([]);
});

test("each group of files in a circle is shown once, by its shortest way round", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c", "a"]],
    ["c", ["a"]],
    ["d", ["d", "a"]],
    ["e", ["a"]],
  ]);
  expect(findCycles(graph)).toEqual([
    ["a", "b", "a"],
    ["d", "d"],
  ]);
});
