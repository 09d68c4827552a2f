import { cpSync, mkdirSync, readFileSync, realpathSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { bundleWorkflow } from "./bundle.ts";
import { guestExports } from "./contract.ts";
import { project, runBundle } from "./fixtures/project.ts";

const steps = `
  import { readFileSync } from "node:fs";
  import { Pool } from "./pool.ts";
  const pool = new Pool();
  export async function charge(order: { id: string }, { b, a = 1 }: { a?: number; b: number }) {
    "use step";
    return pool.query(readFileSync(order.id)) + a + b;
  }
  charge.maxRetries = 5;
  export const refund = async (id: string) => { "use step"; return pool.query(id); };
  export const unused = async () => { "use step"; };
`;
const pool = 'import net from "node:net";\nexport class Pool { query(x: unknown) { return net.connect(x as never); } }';

function place(code: string, map: string, text: string) {
  const lines = code.split("\n");
  const line = lines.findIndex((candidate) => candidate.includes(text));
  return new SourceMap(JSON.parse(map)).findEntry(line, lines[line]?.indexOf(text) ?? 0);
}

describe("a bundle, evaluated", () => {
  test("calls steps through the guest and returns its workflows by id", async () => {
    const root = project({
      "src/steps.ts": steps,
      "src/pool.ts": pool,
      "src/orders.ts": `
        import { sleep } from "perdure";
        import { charge, refund } from "./steps.ts";
        enum Kind { A = 4 }
        export async function checkout(id: string): Promise<unknown> {
          "use workflow";
          await sleep("1d");
          const paid = await charge({ id }, { b: Kind.A });
          return [paid, await refund("r"), process.env.NODE_ENV, typeof self, typeof globalThis];
        }
        const hidden = async () => { "use workflow"; return "hidden"; };
        export default async () => { "use workflow"; return hidden(); };
      `,
    });
    const bundle = await bundleWorkflow({ file: join(root, "src/orders.ts"), root });
    const { workflows, calls, sleeps } = runBundle(bundle.code, { charge: "paid", refund: "refunded" });
    expect(Object.keys(workflows)).toEqual([
      "workflow//./src/orders//checkout",
      "workflow//./src/orders//hidden",
      "workflow//./src/orders//default",
    ]);
    expect(bundle.workflows.map(({ id }) => id)).toEqual(Object.keys(workflows));
    const result = await workflows["workflow//./src/orders//checkout"]?.("o1");
    expect(result).toEqual(["paid", "refunded", "production", "object", "object"]);
    expect(sleeps).toEqual(["1d"]);
    expect(calls).toEqual([
      { id: "step//./src/steps//charge", name: "charge", shape: "(order,{a=,b})", args: [{ id: "o1" }, { b: 4 }] },
      { id: "step//./src/steps//refund", name: "refund", shape: "(id)", args: ["r"] },
    ]);
    expect(await workflows["workflow//./src/orders//default"]?.()).toBe("hidden");
    expect(bundle.steps.map(({ id }) => id)).toEqual(["step//./src/steps//charge", "step//./src/steps//refund"]);
    expect(bundle.inputs).toEqual([join(root, "src/orders.ts"), join(root, "src/steps.ts")]);
    expect(bundle.warnings).toEqual([]);
    for (const gone of ["Pool", "node:", "unused", "import ", "export ", "sourceMappingURL", root]) {
      expect(bundle.code).not.toContain(gone);
    }
  });

  test("steps keep their hoisting: before the declaration, through an import cycle, as an anonymous default", async () => {
    const root = project({
      "flow.ts": `
        import again, { viaCycle } from "./steps.ts";
        export const early = typeof local;
        export async function flow() { "use workflow"; return [early, await local(1), await viaCycle(), await again(2)]; }
        async function local(n: number) { "use step"; return n; }
        export async function shared() { "use step"; }
      `,
      "steps.ts": `
        import { shared } from "./flow.ts";
        export const viaCycle = () => shared();
        export default async function (n: number) { "use step"; return n; }
      `,
    });
    const { code } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
    const { workflows, calls } = runBundle(code, { local: "l", shared: "s", default: "d" });
    expect(await workflows["workflow//./flow//flow"]?.()).toEqual(["function", "l", "s", "d"]);
    expect(calls.map(({ id, args }) => [id, args])).toEqual([
      ["step//./flow//local", [1]],
      ["step//./flow//shared", []],
      ["step//./steps//default", [2]],
    ]);
  });

  test("what Perdure offers comes from the guest; what it does not offer here throws", async () => {
    const root = project({
      "flow.ts": `
        import { FatalError } from "perdure/errors";
        import * as perdure from "perdure";
        import { start } from "perdure/api";
        import { once } from "perdure/once";
        export async function write() {
          "use workflow";
          return once({}, async () => 1);
        }
        export async function flow(fail: boolean) {
          "use workflow";
          if (fail) throw new FatalError("no");
          return [perdure.FatalError === FatalError, Object.keys(perdure).length, start(flow, [])];
        }
      `,
    });
    const { code } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
    const { workflows, FatalError } = runBundle(code);
    const flow = workflows["workflow//./flow//flow"];
    await expect(flow?.(true)).rejects.toBeInstanceOf(FatalError);
    await expect(flow?.(false)).rejects.toThrow("unavailable start");
    await expect(workflows["workflow//./flow//write"]?.()).rejects.toThrow("unavailable once");
    expect(guestExports).toContain("sleep");
  });

  test("resource declarations run on every supported Node; JSON and CommonJS packages can be part of a bundle", async () => {
    const root = project({
      "node_modules/old/index.js":
        "exports.double = function (n) { return n * 2 }; exports.env = process.env.NODE_ENV;",
      "data.json": '{ "a": 20 }',
      "flow.ts": `
        import { double, env } from "old";
        import data from "./data.json" with { type: "json" };
        export async function flow() {
          "use workflow";
          const log: string[] = [];
          { using x = { [Symbol.dispose]() { log.push("disposed"); } }; log.push(typeof x); }
          return [double(data.a), env, ...log];
        }
      `,
    });
    const { code } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
    expect(code).not.toMatch(/\busing x\b/);
    const { workflows } = runBundle(code);
    expect(await workflows["workflow//./flow//flow"]?.()).toEqual([40, "production", "object", "disposed"]);
  });

  test("packages resolve by the workflow conditions, paths by tsconfig", async () => {
    const root = project({
      "node_modules/lib/package.json": JSON.stringify({
        name: "lib",
        exports: { ".": { node: "./bad.js", browser: "./bad.js", workflow: "./workflow.js", default: "./bad.js" } },
      }),
      "node_modules/lib/workflow.js": 'export const from = "workflow";',
      "node_modules/own/package.json": JSON.stringify({
        name: "own",
        exports: { ".": { workflow: "./bad.js", "perdure-workflow": "./bad.js", mine: "./mine.js" } },
      }),
      "node_modules/own/mine.js": 'export const own = "mine";',
      "tsconfig.json": JSON.stringify({ compilerOptions: { paths: { "@/*": ["./lib/*"] } } }),
      "lib/deep.ts": 'export const deep: string = "deep";',
      "src/flow.ts": `
        import { from } from "lib";
        import { own } from "own";
        import { deep } from "@/deep";
        export async function flow() { "use workflow"; return [from, own, deep]; }
      `,
    });
    const file = join(root, "src/flow.ts");
    await expect(bundleWorkflow({ file, root })).rejects.toMatchObject({ code: "COMPILE_FAILED" });
    const manifest = join(root, "node_modules/own/package.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"workflow".*"mine"/, '"mine"'));
    const { code, inputs } = await bundleWorkflow({ file, root, conditions: ["mine"] });
    const { workflows } = runBundle(code);
    expect(await workflows["workflow//./src/flow//flow"]?.()).toEqual(["workflow", "mine", "deep"]);
    expect(inputs).toContain(join(root, "tsconfig.json"));
  });
});

describe("a bundle does not depend on how the project is set up", () => {
  test("tsconfig may leave JSX alone, ask for old syntax, keep all imports and name output files", async () => {
    const root = project({
      "tsconfig.json": JSON.stringify({
        compilerOptions: { jsx: "preserve", target: "es5", verbatimModuleSyntax: true, module: "nodenext" },
      }),
      "node_modules/react/package.json": '{ "name": "react", "exports": { "./jsx-runtime": "./jsx.js" } }',
      "node_modules/react/jsx.js": "export const jsx = (type, props) => ({ type, props });",
      "view.tsx": "export const view = <b>hello</b>;",
      "steps.mts": 'import fs from "node:fs";\nexport async function step() { "use step"; return fs; }',
      "flow.ts": `
        import { view } from "./view.js";
        import { step } from "./steps.mjs";
        import { type Stats } from "./types.js";
        export async function flow(stats: Stats) { "use workflow"; return [view, await step(), stats]; }
      `,
      "types.ts": "export interface Stats {}",
    });
    const { code } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
    expect(code).toContain("async function flow");
    const { workflows } = runBundle(code, { step: 1 });
    const result = await workflows["workflow//./flow//flow"]?.(2);
    expect(JSON.stringify(result)).toBe('[{"type":"b","props":{"children":"hello"}},1,2]');
  });

  test("line ends, a byte order mark and a hashbang", async () => {
    const lines = ["#!/usr/bin/env node", 'import { a } from "./a.ts";', "export async function flow() {"];
    const text = [...lines, '  "use workflow";', "  return a;", "}", ""].join("\r\n");
    const root = project({
      "flow.ts": text,
      "a.ts": '\ufeffexport const a: number = 1;\r\nexport async function s() { "use step"; }\r\n',
    });
    const { code } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
    expect(await runBundle(code).workflows["workflow//./flow//flow"]?.()).toBe(1);
  });

  test("a package of the size of zod works in a realm that has only the language", async () => {
    const root = project({
      "flow.ts": `
        import { z } from "zod";
        const Order = z.object({ id: z.string().min(2), amount: z.number().int() });
        export async function flow(input: unknown) { "use workflow"; return Order.safeParse(input).success; }
      `,
    });
    mkdirSync(join(root, "node_modules"));
    symlinkSync(realpathSync(join(import.meta.dirname, "../node_modules/zod")), join(root, "node_modules/zod"));
    const { code, warnings } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
    const flow = runBundle(code).workflows["workflow//./flow//flow"];
    expect(warnings).toEqual([]);
    expect(await flow?.({ id: "ab", amount: 1 })).toBe(true);
    expect(await flow?.({ id: "a", amount: 1.5 })).toBe(false);
  });
});

test("steps of a file whose name has quotes are listed as any others", async () => {
  const step = 'export async function step() { "use step"; }';
  const names = ["it's.ts", 'a "b".ts', 'it\'s "both" `c`.ts'];
  const imports = names.map((name, index) => `import { step as s${index} } from ${JSON.stringify(`./${name}`)};`);
  const body = "return [await s0(), await s1(), await s2()];";
  const root = project({
    ...Object.fromEntries(names.map((name) => [name, step])),
    "flow.ts": `${imports.join("\n")}\nexport async function flow() { "use workflow"; ${body} }`,
  });
  const { code, steps: listed } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
  const { workflows, calls } = runBundle(code);
  await workflows["workflow//./flow//flow"]?.();
  expect(listed.map(({ id }) => id).toSorted()).toEqual(calls.map(({ id }) => id).toSorted());
  expect(listed).toHaveLength(3);
});

test("the namespace of a module with workflows holds what its author exported, nothing more", async () => {
  const root = project({
    "other.ts": 'export const a = 1;\nexport async function b() { "use workflow"; }',
    "flow.ts":
      'import * as other from "./other.ts";\nexport async function flow() { "use workflow"; return Object.keys(other); }',
  });
  const { code } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
  expect(await runBundle(code).workflows["workflow//./flow//flow"]?.()).toEqual(["a", "b"]);
});

test("a workflow that another one calls runs as a part of it; only the module's own are listed", async () => {
  const root = project({
    "child.ts":
      '"use workflow";\nexport async function child(n: number) { return step(n); }\nasync function step(n: number) { "use step"; return n; }',
    "flow.ts": 'import { child } from "./child.ts";\nexport async function flow() { "use workflow"; return child(7); }',
  });
  const bundle = await bundleWorkflow({ file: join(root, "flow.ts"), root });
  const { workflows, calls } = runBundle(bundle.code, { step: "done" });
  expect(Object.keys(workflows)).toEqual(["workflow//./flow//flow"]);
  expect(await workflows["workflow//./flow//flow"]?.()).toBe("done");
  expect(calls.map(({ id, args }) => [id, args])).toEqual([["step//./child//step", [7]]]);
  expect(bundle.steps.map(({ id }) => id)).toEqual(["step//./child//step"]);
});

describe("what only steps used is gone, what was wanted for its own sake stays", () => {
  test("imports, declarations and helpers", async () => {
    const root = project({
      "format.ts": 'export const format = (x: string) => x + "!"; export const parse = (x: unknown) => x;',
      "side-effect.ts": 'globalThis.effects = ["side effect"];',
      "flow.ts": readFileSync(join(import.meta.dirname, "fixtures/modules/step-world/input.ts"), "utf8").replace(
        "register()",
        'globalThis.effects.push("registered")',
      ),
    });
    const { code, warnings } = await bundleWorkflow({ file: join(root, "flow.ts"), root });
    await expect(code).toMatchFileSnapshot(join(import.meta.dirname, "fixtures/modules/step-world/output-bundle.js"));
    expect(warnings).toEqual([]);
    const { workflows } = runBundle(code, { load: "loaded" });
    expect(await workflows["workflow//./flow//plan"]?.("x")).toEqual([1, "loaded"]);
  });
});

describe("the same program gives the same bytes", () => {
  test("in another directory, and when built again", async () => {
    const root = project({
      "here/src/steps.ts": steps,
      "here/src/pool.ts": pool,
      "here/src/orders.ts": `
      import { charge } from "./steps.ts";
      import { deep } from "pkg";
      import * as all from "pkg";
      export async function checkout() { "use workflow"; return charge({ id: deep }, { b: Object.keys(all).length }); }
    `,
      "here/node_modules/pkg/index.js": 'exports.deep = require("./other.js");',
      "here/node_modules/pkg/other.js": "module.exports = 'x';",
    });
    const here = join(root, "here");
    const there = join(root, "a/much/longer path/there");
    const first = await bundleWorkflow({ file: join(here, "src/orders.ts"), root: here });
    cpSync(here, there, { recursive: true });
    const second = await bundleWorkflow({ file: join(there, "src/orders.ts"), root: there });
    expect(second.code).toBe(first.code);
    expect(second.map).toBe(first.map);
    renameSync(here, join(root, "gone"));
    const third = await bundleWorkflow({ file: join(there, "src/orders.ts"), root: there });
    expect(third.code).toBe(first.code);
    expect(first.code).not.toContain(root);
  });
});

test("where a package is installed does not change the bytes", async () => {
  const flow = 'import pkg from "pkg";\nexport async function flow() { "use workflow"; return pkg; }';
  const root = project({
    "near/flow.ts": flow,
    "near/node_modules/pkg/index.js": "module.exports = require('./lib/value.js');",
    "near/node_modules/pkg/lib/value.js": "module.exports = 1;",
    "far/deeper/flow.ts": flow,
  });
  cpSync(join(root, "near/node_modules"), join(root, "far/node_modules"), { recursive: true });
  const near = await bundleWorkflow({ file: join(root, "near/flow.ts"), root: join(root, "near") });
  const far = await bundleWorkflow({ file: join(root, "far/deeper/flow.ts"), root: join(root, "far/deeper") });
  expect(far.code).toBe(near.code);
  expect(await runBundle(far.code).workflows["workflow//./flow//flow"]?.()).toBe(1);
});

test("a line of a workflow, of a helper and of a module with steps leads back to the original line and column", async () => {
  const files = {
    "src/orders.ts": [
      'import { charge } from "./steps.ts";',
      'import { check } from "./check.ts";',
      "interface Order { id: string }",
      "",
      "export async function checkout(order: Order): Promise<void> {",
      '  "use workflow";',
      "  await charge(order.id as string);",
      '  if (check<Order>(order)) throw new TypeError("in workflow");',
      "}",
    ].join("\n"),
    "src/check.ts": [
      "type Any = unknown;",
      "export function check<T>(value: T & Any): boolean {",
      '  if (value === 1) throw new RangeError("in helper");',
      "  return true;",
      "}",
    ].join("\n"),
    "src/steps.ts": [
      'import { readFileSync } from "node:fs";',
      "export async function charge(id: string): Promise<string> {",
      '  "use step";',
      '  return readFileSync(id, "utf8");',
      "}",
      'export function plain(x: unknown) { if (!x) throw new SyntaxError("beside steps"); }',
      'export async function other() { "use workflow"; plain(0); }',
    ].join("\n"),
  };
  const root = project(files);
  const { code, map } = await bundleWorkflow({ file: join(root, "src/orders.ts"), root });
  expect(place(code, map, "new TypeError")).toMatchObject({
    originalSource: "src/orders.ts",
    originalLine: 7,
    originalColumn: 33,
  });
  expect(place(code, map, "new RangeError")).toMatchObject({
    originalSource: "src/check.ts",
    originalLine: 2,
    originalColumn: 25,
  });
  const other = await bundleWorkflow({ file: join(root, "src/steps.ts"), root });
  expect(place(other.code, other.map, "new SyntaxError")).toMatchObject({
    originalSource: "src/steps.ts",
    originalLine: 5,
    originalColumn: files["src/steps.ts"].split("\n")[5]?.indexOf("new SyntaxError"),
  });
  expect(JSON.parse(map).sourcesContent).toContain(files["src/orders.ts"]);
});
