import { join } from "node:path";
import { CompileError, formatDiagnostic } from "@perdure/errors";
import { describe, expect, test } from "vitest";
import { bundleWorkflow } from "./bundle.ts";
import { project } from "./fixtures/project.ts";

const cases: Record<string, Record<string, string>> = {
  "built-in": {
    "flow.ts": `
import { readFileSync } from "node:fs";
export async function flow() {
  "use workflow";
  return readFileSync("x");
}`,
  },
  "built-in through a package": {
    "flow.ts": `
import { helper } from "./helper.ts";
export async function flow() { "use workflow"; return helper(); }`,
    "helper.ts": 'import { hash } from "lib";\nexport const helper = () => hash("x");',
    "node_modules/lib/package.json": '{ "name": "lib", "type": "module", "exports": "./index.js" }',
    "node_modules/lib/index.js": 'export * from "./hash.js";',
    "node_modules/lib/hash.js":
      '// a hash\nimport { createHash } from "crypto";\nexport const hash = (x) => createHash("md5").update(x);',
  },
  "built-in required by a package": {
    "flow.ts": `
import lib from "lib";
export async function flow() { "use workflow"; return lib(); }`,
    "node_modules/lib/index.js": 'const fs = require("fs");\nmodule.exports = () => fs.readFileSync("x");',
  },
  "dynamic import": {
    "flow.ts": `
export async function flow() {
  "use workflow";
  const other = await import("./other.ts");
  return other.a;
}`,
    "other.ts": "export const a = 1;",
  },
  require: {
    "flow.ts": `
declare function require(name: string): { a: number };
export async function flow() {
  "use workflow";
  return require("./other.ts").a + require("node:os").cpus().length;
}`,
    "other.ts": "export const a = 1;",
  },
  "top-level await": {
    "flow.ts": `
import { a } from "./other.ts";
export async function flow() { "use workflow"; return a; }`,
    "other.ts": 'export async function f() {\n  "use step";\n  return 1;\n}\nexport const a = await f();',
  },
  "code from strings": {
    "flow.ts": `
export async function flow() {
  "use workflow";
  eval("1");
  const eager = new Function("return 1");
  const local = (Function: (x: string) => void) => Function("fine: a parameter");
  return [eager, local];
}`,
  },
  unresolved: {
    "flow.ts": `
import { a } from "./nowhere.ts";
import { b } from "not-installed";
export async function flow() { "use workflow"; return [a, b]; }`,
  },
  "missing names of Perdure": {
    "flow.ts": `
import { sleep, slep, type Hook } from "perdure";
import { onlyInSteps, NotAType } from "perdure";
import { registerStep } from "perdure/internal";
export async function step() { "use step"; return onlyInSteps(); }
export async function flow(hook: Hook, x: NotAType) { "use workflow"; await slep(1); return [sleep, registerStep]; }`,
  },
  "missing export": {
    "flow.ts": `
import { b } from "./other.ts";
export async function flow() { "use workflow"; return b; }`,
    "other.ts": "export const a = 1;",
  },
  "duplicate explicit names": {
    "flow.ts": `
import { other } from "./other.ts";
export async function pay() { "use step"; }
pay.stepName = "pay";
export async function flow() { "use workflow"; await pay(); return other(); }`,
    "other.ts": 'export async function other() { "use step"; }\nother.stepName = "pay";',
  },
  "errors of several modules": {
    "flow.ts": `
import { a } from "./a.ts";
export async function flow() { "use workflow"; return a; }`,
    "a.ts": 'import { b } from "./b.ts";\nexport const a = { async m() { "use step"; return b; } };',
    "b.ts": 'export const b = [async () => { "use step"; }];',
  },
  "no workflow": { "flow.ts": 'export async function f() { "use step"; }' },
  "syntax error in an import": {
    "flow.ts": 'import { a } from "./a.ts";\nexport async function flow() { "use workflow"; return a; }',
    "a.ts": "export const a = ;",
  },
};

describe("what cannot run as workflow code fails the build", () => {
  for (const [name, files] of Object.entries(cases)) {
    test(name, async () => {
      const root = project(files);
      const error: unknown = await bundleWorkflow({ file: join(root, "flow.ts"), root }).catch((reason) => reason);
      if (!(error instanceof CompileError)) throw new Error(`No compile error: ${String(error)}`);
      expect(error.message).not.toContain(root);
      const golden = join(import.meta.dirname, "fixtures/bundle-errors", `${name.replaceAll(" ", "-")}.txt`);
      await expect(`${error.message}\n`).toMatchFileSnapshot(golden);
    });
  }
});

test("what only a step needs, or what nothing uses, is no error", async () => {
  const root = project({
    "flow.ts": `
      import { unused } from "./helpers.ts";
      import os from "node:os";
      import type { Missing } from "./missing.ts";
      export async function step(x: Missing) { "use step"; await import("./missing.ts"); return [os, eval("1")]; }
      export async function flow() { "use workflow"; return step(1); }
    `,
    "helpers.ts": 'import fs from "node:fs";\nexport const unused = () => fs.readFileSync("x") + eval("1");',
  });
  await expect(bundleWorkflow({ file: join(root, "flow.ts"), root })).resolves.toMatchObject({ warnings: [] });
});

test("a missing file is named", async () => {
  const root = project({});
  await expect(bundleWorkflow({ file: join(root, "flow.ts"), root })).rejects.toThrow(/^flow\.ts:1:1 .*cannot be read/);
});

test("a step's promise that is dropped is a warning, unless it is dropped or kept on purpose", async () => {
  const root = project({
    "steps.ts": 'export async function charge() { "use step"; }\nexport const refund = async () => { "use step"; };',
    "barrel.ts": 'export { charge as pay } from "./steps.ts";\nexport * from "./steps.ts";',
    "flow.ts": `
import { pay, refund } from "./barrel.ts";
import * as all from "./steps.ts";
export async function flow(charge: () => Promise<void>) {
  "use workflow";
  pay();
  await pay();
  void refund();
  const kept = refund();
  all.refund();
  if (kept) refund();
  charge();
  pay().then(() => refund());
  return local();
}
async function local() { "use step"; }`,
  });
  const { warnings } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
  expect(warnings.map(({ line, column }) => [line, column])).toEqual([
    [6, 3],
    [10, 3],
    [11, 13],
  ]);
  expect(warnings[0] === undefined ? "" : `\n${formatDiagnostic(warnings[0])}`).toMatchInlineSnapshot(`
    "
    flow.ts:6:3 The promise of the step charge is dropped: nothing waits for its result or sees its failure.
      4 | export async function flow(charge: () => Promise<void>) {
      5 |   "use workflow";
    > 6 |   pay();
        |   ^
      7 |   await pay();
      hint:  Write \`await charge(…)\`; when it is meant so, \`void charge(…)\`."
  `);
});
