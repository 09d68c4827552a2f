import { readdirSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadHost } from "./fixtures/project.ts";
import { compileHost, transformHost } from "./host-module.ts";

const modules = join(import.meta.dirname, "fixtures/modules");
const root = "/project";

describe("the text of host modules", () => {
  for (const name of readdirSync(modules)) {
    test(name, async () => {
      const text = readFileSync(join(modules, name, "input.ts"), "utf8");
      const host = transformHost(text, { file: `${root}/src/${name}.ts`, root });
      await expect(host?.code).toMatchFileSnapshot(join(modules, name, "output-host.ts"));
      expect(transformHost(host?.code ?? "", { file: `${root}/src/${name}.ts`, root })).toBeNull();
    });
  }
});

test("a module without a directive is left alone", () => {
  expect(transformHost("export const a = 1;", { file: "/project/a.ts", root })).toBeNull();
  expect(transformHost('export const a = "use step";', { file: "/project/a.ts", root })).toBeNull();
  const compiled = compileHost("export const a: number = 1;", { file: "/project/a.ts", root });
  expect(compiled.code.trim()).toBe("export const a = 1;");
  expect(compiled.manifest).toEqual({ file: "a.ts", workflows: [], steps: [] });
});

describe("host modules, evaluated", () => {
  test("every form of a step is registered with its own function and keeps working", async () => {
    const { module, registrations } = loadHost(
      {
        "steps.ts": `
          export async function declared(a: number, { b, c = 1 }: { b: number; c?: number }) { "use step"; return a + b + c; }
          declared.maxRetries = 5;
          export const arrow = async (id: string) => { "use step"; return id; };
          const wrapped = (function () { 'use step'; return "sync"; });
          let typed = (async () => { "use step"; return 3; }) satisfies () => Promise<number>;
          export { wrapped as renamed, typed };
          export default async () => { "use step"; return "default"; };
        `,
      },
      "steps.ts",
    );
    expect(registrations.map(({ id, details }) => [id, details["line"], details["shape"]])).toEqual([
      ["step//./steps//declared", 2, "(a,{b,c=})"],
      ["step//./steps//arrow", 4, "(id)"],
      ["step//./steps//wrapped", 5, "()"],
      ["step//./steps//typed", 6, "()"],
      ["step//./steps//default", 8, "()"],
    ]);
    const functions = registrations.map(({ fn }) => fn);
    expect(functions).toEqual([
      module["declared"],
      module["arrow"],
      module["renamed"],
      module["typed"],
      module["default"],
    ]);
    expect(registrations[0]?.fn).toHaveProperty("maxRetries", 5);
    expect(await Promise.all(functions.map((fn) => fn(1, { b: 2 })))).toEqual([4, 1, "sync", 3, "default"]);
  });

  test("a workflow is registered and throws when ordinary code calls it", async () => {
    const { module, registrations } = loadHost(
      {
        "flow.ts": `
          export async function checkout(a: string) { "use workflow"; return a; }
          const hidden = async () => { "use workflow"; };
          export default async function () { "use workflow"; return 1; }
        `,
      },
      "flow.ts",
    );
    expect(registrations.map(({ id, kind }) => [kind, id])).toEqual([
      ["workflow", "workflow//./flow//checkout"],
      ["workflow", "workflow//./flow//default"],
      ["workflow", "workflow//./flow//hidden"],
    ]);
    expect(registrations[1]?.fn).toBe(module["default"]);
    for (const { fn, details } of registrations)
      await expect(fn()).rejects.toThrow(`called ${String(details["name"])}`);
  });

  test("modules that only a workflow's body used are still evaluated, those that only types used are not", () => {
    const { registrations } = loadHost(
      {
        "flow.ts": `
          import { charge } from "./steps.mjs";
          import { Kind } from "./missing-kind.mjs";
          import type { Order } from "./missing-types.mjs";
          import { type Other } from "./other.mjs";
          export async function checkout(order: Order, kind: Kind, other: Other) { "use workflow"; return charge(order); }
        `,
        "steps.ts": 'export async function charge(order: unknown) { "use step"; return order; }',
        "other.ts": "export interface Other {}",
      },
      "flow.ts",
    );
    expect(registrations.map(({ id }) => id)).toEqual(["step//./steps//charge", "workflow//./flow//checkout"]);
  });

  test("the modules of a workflow are evaluated in the order of its imports", () => {
    const order = (name: string) => `(globalThis.order ??= []).push("${name}"); export const ${name} = 1;`;
    loadHost(
      {
        "flow.ts": `
          import { a } from "./a.mjs";
          import { b } from "./b.mjs"
          import { c } from "./c.mjs";
          export async function checkout() { "use workflow"; return b; }
          export const kept = [a, c];
        `,
        "a.mjs": order("a"),
        "b.mjs": order("b"),
        "c.mjs": order("c"),
      },
      "flow.ts",
    );
    expect(Reflect.get(globalThis, "order")).toEqual(["a", "b", "c"]);
    Reflect.deleteProperty(globalThis, "order");
  });

  test("a name shadowed inside the body does not keep a type-only import", () => {
    const { registrations } = loadHost(
      {
        "flow.ts": `
          import { Kind } from "./missing-kind.mjs";
          export async function checkout(kind: Kind) { "use workflow"; const Kind = 1; return Kind; }
        `,
      },
      "flow.ts",
    );
    expect(registrations).toHaveLength(1);
  });

  test("declared steps are registered before an import cycle needs them", () => {
    const { module, registrations } = loadHost(
      {
        "a.ts": `
          import { seen } from "./b.mjs";
          export async function charge() { "use step"; return seen; }
          export default async function () { "use step"; }
        `,
        "b.ts": `
          import anonymous, { charge } from "./a.mjs";
          import { registrations } from "perdure/internal";
          export const seen = [typeof charge, typeof anonymous, registrations.length];
        `,
      },
      "a.ts",
    );
    expect(registrations.map(({ fn }) => fn)).toEqual([module["charge"], module["default"]]);
    return expect(registrations[0]?.fn()).resolves.toEqual(["function", "function", 0]);
  });
});

describe("source maps of host modules", () => {
  test("a line of a step leads back to the original line and column through both passes", () => {
    const text = [
      'import type { A } from "./a.ts";',
      "interface Order { id: string }",
      "enum Kind { One, Two }",
      "export async function charge(order: Order): Promise<Kind> {",
      '  "use step";',
      '  if (order.id === "") throw new TypeError("no id");',
      "  return Kind.Two;",
      "}",
    ].join("\n");
    const { code, map } = compileHost(text, { file: "/project/src/orders.ts", root });
    expect(map?.sources).toEqual(["orders.ts"]);
    expect(map?.sourcesContent).toEqual([text]);
    const lines = code.split("\n");
    const line = lines.findIndex((candidate) => candidate.includes("new TypeError"));
    const column = lines[line]?.indexOf("new TypeError") ?? -1;
    const entry = new SourceMap(JSON.parse(JSON.stringify(map))).findEntry(line, column);
    expect(entry).toMatchObject({ originalSource: "orders.ts", originalLine: 5, originalColumn: 29 });
  });

  test("no map is made when none is wanted", () => {
    const text = 'export async function f() { "use step"; }';
    expect(transformHost(text, { file: "/project/a.ts", root, sourceMap: false })?.map).toBeNull();
  });
});

test("JavaScript stays as written; TSX and enums become JavaScript", () => {
  const js = compileHost('export async function f() { "use step"; return  1 }\n', { file: "/project/a.mjs", root });
  expect(js.code).toContain("return  1 }");
  const tsx = compileHost('export async function f() { "use step"; return <b>{1 as number}</b>; }', {
    file: "/project/a.tsx",
    root,
  });
  expect(tsx.code).toContain('from "react/jsx-runtime"');
  expect(tsx.code).not.toContain("as number");
});

test("a hashbang, a byte order mark and the directives of others stay first", () => {
  const step = 'export async function f() { "use step"; }';
  const starts = ["#!/usr/bin/env node\r\n", "\ufeff", '"use client";\n', "// Copyright\n", "import 'x';\n"].map(
    (start) => {
      const { code } = compileHost(start + step, { file: "/project/a.mjs", root });
      return code.slice(0, code.indexOf(" registerStep"));
    },
  );
  expect(starts).toEqual([
    "#!/usr/bin/env node\r\nimport {",
    "\ufeffimport {",
    '"use client";\nimport {',
    "// Copyright\nimport {",
    "import {",
  ]);
});

test("a CommonJS module with a directive is refused", () => {
  expect(() =>
    transformHost('async function f() { "use step"; }', { file: "/project/a.cjs", root }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [CompileError: a.cjs:1:1 Directives work in ECMAScript modules only.
      hint:  Rename the file to .mjs, .mts, .js or .ts.]
  `);
});
