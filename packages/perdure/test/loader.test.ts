import { statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Project } from "./project.ts";

const cacheFolder = "node_modules/.cache/perdure";

describe("a program in TypeScript", () => {
  test("uses everything that a build would allow", async () => {
    const project = new Project({
      "tsconfig.json": '{ "extends": "./tsconfig.paths.json" }',
      "tsconfig.paths.json":
        '{ "compilerOptions": { "paths": { "@lib/*": ["./lib/*"], "#exact": ["./lib/exact.ts"] } } }',
      "app.tsx": `
        import { Color, type Shape } from "./lib/color.js";
        import { viaPath } from "@lib/path";
        import { exact } from "#exact";
        import { dependency } from "dependency";
        import data from "./data.json" with { type: "json" };
        import { withoutExtension } from "./lib/without-extension";
        import folder from "./lib/folder";
        import legacy from "./lib/legacy.cts";
        import { isOdd } from "./lib/odd.ts";
        import { readFileSync } from "fs";
        namespace Space { export const inside = 1; }
        class Point { constructor(readonly x: number) {} }
        const shape: Shape = { color: Color.Red };
        const lazy = await import("./lib/lazy");
        console.log(JSON.stringify({
          shape, viaPath, exact, dependency, data, withoutExtension, folder, legacy, odd: isOdd(3), inside: Space.inside,
          point: new Point(2), element: <b title="x">y</b>, lazy: lazy.default, file: typeof readFileSync,
        }));`,
      "data.json": '{ "a": 1 }',
      "lib/color.ts": 'export enum Color { Red = "red" }\nexport interface Shape { color: Color }',
      "lib/path.ts": 'export const viaPath: string = "path";',
      "lib/exact.ts": "export const exact = true as boolean;",
      "lib/without-extension.ts": "export const withoutExtension = 1 satisfies number;",
      "lib/folder/index.ts": 'export default "folder" as string;',
      "lib/lazy.mts": 'export default "lazy" as const;',
      "lib/legacy.cts": 'const other: { n: number } = require("./legacy-other");\nmodule.exports = { n: other.n + 1 };',
      "lib/legacy-other.cts": "exports.n = 4 as number;",
      "lib/odd.ts":
        'import { isEven } from "./even.ts";\nexport function isOdd(n: number): boolean { return n !== 0 && isEven(n - 1); }',
      "lib/even.ts":
        'import { isOdd } from "./odd.ts";\nexport function isEven(n: number): boolean { return n === 0 || isOdd(n - 1); }',
      "node_modules/dependency/package.json": '{ "name": "dependency", "main": "main" }',
      "node_modules/dependency/main.js": 'exports.dependency = require("./part").part;',
      "node_modules/dependency/part.js": 'exports.part = "CommonJS";',
      "node_modules/react/package.json": '{ "name": "react", "exports": { "./jsx-runtime": "./jsx-runtime.js" } }',
      "node_modules/react/jsx-runtime.js": "exports.jsx = (type, props) => ({ type, props });",
    });
    const { code, out, err } = await project.run(["app.tsx"]);
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      shape: { color: "red" },
      viaPath: "path",
      exact: true,
      dependency: "CommonJS",
      data: { a: 1 },
      withoutExtension: 1,
      folder: "folder",
      legacy: { n: 5 },
      odd: true,
      inside: 1,
      point: { x: 2 },
      element: { type: "b", props: { title: "x", children: "y" } },
      lazy: "lazy",
      file: "function",
    });
  });

  test("may be written as ES modules in a package of type commonjs, and as CommonJS", async () => {
    const project = new Project({
      "package.json": '{ "name": "app", "type": "commonjs" }',
      "app.ts": 'import { a } from "./a";\nimport b = require("./b");\nconsole.log(a, b.value);'.replace(
        "import b = require",
        "const b = (await import('node:module')).createRequire(import.meta.url)",
      ),
      "a.ts": "export const a: number = 1;",
      "b.ts": "const value: number = 2;\nexports.value = value;",
    });
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "1 2\n", err: "" });
  });

  test("keeps the first line of a CommonJS entry: hashbang and strict mode", async () => {
    const project = new Project({
      "app.cts": `#!/usr/bin/env node
"use strict";
const { value } = require("./value");
function strict(this: unknown): boolean { return this === undefined; }
console.log(value, strict(), new Error("x").stack?.includes("app.cts:5:"));
`,
      "value.cts": "exports.value = 5 as number;",
    });
    expect(await project.run(["app.cts"])).toMatchObject({ code: 0, out: "5 true true\n", err: "" });
  });

  test("names its own lines in the stack of an error", async () => {
    const project = new Project({
      "app.ts": `import { explode } from "./explode";

interface Padding { readonly a: string }

explode({ a: "x" } satisfies Padding);`,
      "explode.ts": `enum Fuse { Short, Long }
interface More { readonly a: string }

export function explode(more: More): never {
  throw new Error(\`boom \${Fuse.Long} \${more.a}\`);
}`,
    });
    const { code, err } = await project.run(["app.ts"]);
    expect(code).toBe(1);
    expect(err).toContain("Error: boom 1 x");
    expect(err).toContain(`${join(project.folder, "explode.ts")}:5:9`);
    expect(err).toContain(`${join(project.folder, "app.ts")}:5:1`);
  });

  test("a module that cannot be found stays Node's error", async () => {
    const project = new Project({ "app.ts": 'import "./nowhere";' });
    const { code, err } = await project.run(["app.ts"]);
    expect(code).toBe(1);
    expect(err).toContain("ERR_MODULE_NOT_FOUND");
    expect(err).toContain("nowhere");
  });
});

describe("a dependency", () => {
  const library = (dependencies: string): Record<string, string> => ({
    "app.ts":
      'import { work } from "library";\nconsole.log(await work(1), (work as { id?: string }).id ?? "left alone");',
    "node_modules/library/package.json": `{ "name": "library", "type": "module", "exports": "./index.js"${dependencies} }`,
    "node_modules/library/index.js":
      'export async function work(n) { "use step"; return n + 1; }\nwork.id = (await import("node:module")).default && undefined;',
  });

  test("is compiled when it depends on perdure and holds directives", async () => {
    const project = new Project({
      ...library(', "peerDependencies": { "perdure": "*" }'),
      "node_modules/library/index.js": 'export const work = async (n) => { "use step"; return n + 1; };',
    });
    const { code, err } = await project.run(["app.ts"]);
    expect(err).toBe("");
    expect(code).toBe(0);
    expect(project.list(cacheFolder)).toHaveLength(2);
  });

  test("is left alone when it does not", async () => {
    const project = new Project({
      ...library(""),
      "node_modules/library/index.js": 'export const work = async (n) => { "use step"; return n + 1; };',
    });
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "2 left alone\n" });
    expect(project.list(cacheFolder)).toHaveLength(1);
  });
});

describe("the cache", () => {
  const files = {
    "app.ts": 'import { a } from "./a";\nconsole.log(a);',
    "a.ts": "export const a: number = 1;",
  };
  const stamps = (project: Project): string[] =>
    project.list(cacheFolder).map((name) => {
      const { ino, mtimeNs } = statSync(join(project.folder, cacheFolder, name), { bigint: true });
      return `${name} ${ino} ${mtimeNs}`;
    });

  test("serves the second start, and forgets a file that changed", async () => {
    const project = new Project(files);
    expect((await project.run(["app.ts"])).out).toBe("1\n");
    const first = stamps(project);
    expect(first).toHaveLength(2);
    expect((await project.run(["app.ts"])).out).toBe("1\n");
    expect(stamps(project)).toEqual(first);
    project.write({ "a.ts": "export const a: number = 2;" });
    expect((await project.run(["app.ts"])).out).toBe("2\n");
    const third = stamps(project);
    expect(third).toHaveLength(2);
    expect(third.filter((stamp) => !first.includes(stamp))).toHaveLength(1);
  });

  test("heals from cut-off and altered entries", async () => {
    const project = new Project(files);
    await project.run(["app.ts"]);
    const [one = "", two = ""] = project.list(cacheFolder).map((name) => join(project.folder, cacheFolder, name));
    truncateSync(one, 70);
    writeFileSync(two, project.read(`${cacheFolder}/${two.split("/").at(-1)}`).replace("export", "exqort"));
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "1\n", err: "" });
    expect(project.read(`${cacheFolder}/${two.split("/").at(-1)}`)).not.toContain("exqort");
  });

  test("may be written by two processes at once", async () => {
    const modules = Array.from({ length: 30 }, (_, index) => index);
    const project = new Project({
      "app.ts": `${modules.map((n) => `import { m${n} } from "./m${n}";`).join("\n")}\nconsole.log(${modules.map((n) => `m${n}`).join(" + ")});`,
      ...Object.fromEntries(modules.map((n) => [`m${n}.ts`, `export const m${n}: number = ${n};`])),
    });
    const endings = await Promise.all([1, 2, 3].map(() => project.run(["app.ts"])));
    for (const ending of endings) expect(ending).toMatchObject({ code: 0, out: "435\n", err: "" });
    expect(project.list(cacheFolder).every((name) => /^[0-9a-f]{40}$/.test(name))).toBe(true);
    expect(project.list(cacheFolder)).toHaveLength(31);
  });

  test("is optional: a place that cannot be written costs only time", async () => {
    const project = new Project({ ...files, "node_modules/.cache": "a file where a folder should be" });
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "1\n", err: "" });
  });

  test("stands in .perdure/cache where there is no node_modules", async () => {
    const project = new Project(files);
    const inner = new Project({});
    inner.write({ "sub/package.json": '{ "type": "module" }', "sub/app.ts": "console.log(7 as number);" });
    symlinkSync(join(project.folder, "node_modules"), join(inner.folder, "modules"), "dir");
    const ending = await inner.plain(
      [
        "--input-type=module",
        "-e",
        'process.chdir("sub"); await import("perdure/register"); await import("./sub/app.ts");',
      ],
      {},
    );
    expect(ending).toMatchObject({ code: 0, out: "7\n" });
    expect(inner.list("sub/.perdure/cache")).toHaveLength(1);
  });
});

describe("a program that does not compile ends with the compiler's words, without a stack, and exit code 1", () => {
  const failing: Readonly<Record<string, readonly [Readonly<Record<string, string>>, string]>> = {
    "bad syntax": [
      { "app.ts": "const a = 1;\nconst b: number = ;\n" },
      `CompileError: app.ts:2:19 Syntax error: Unexpected token
  1 | const a = 1;
> 2 | const b: number = ;
    |                   ^
  3 |
`,
    ],
    "a directive in CommonJS": [
      {
        "app.js": 'async function pay() {\n  "use step";\n}\nmodule.exports = { pay };',
        "package.json": '{ "type": "commonjs" }',
      },
      `CompileError: app.js:1:1 pay has a directive, and this file is a CommonJS module: directives need an ES module.
  hint:  Rename the file to .mts or .mjs, or set "type": "module" in package.json, and use import and export.
`,
    ],
  };

  test.each(Object.keys(failing))("%s", async (name) => {
    const [files, text] = failing[name] ?? [{}, ""];
    const project = new Project(files);
    expect(await project.run(Object.keys(files).slice(0, 1))).toEqual({ code: 1, signal: null, out: "", err: text });
  });

  test("a misspelt directive, in a module that is imported", async () => {
    const project = new Project({
      "app.ts": 'import { pay } from "./pay";\nawait pay();',
      "pay.ts": 'export async function pay() {\n  "use steps";\n}',
    });
    const { code, err } = await project.run(["app.ts"]);
    expect(code).toBe(1);
    expect(err).toMatch(/^CompileError: pay\.ts:2:3 .*use steps/);
    expect(err).toContain('> 2 |   "use steps";\n    |   ^');
    expect(err).not.toMatch(/^\s+at /m);
  });

  test("unless the program handles the error", async () => {
    const project = new Project({
      "app.ts": 'import("./pay.ts").catch((error) => console.log(error.code, error.diagnostics.length));',
      "pay.ts": "const = ;",
    });
    expect(await project.run(["app.ts"])).toMatchObject({ code: 0, out: "COMPILE_FAILED 1\n", err: "" });
  });
});
