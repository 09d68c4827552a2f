import { parseSync } from "oxc-parser";
import { describe, expect, test } from "vitest";
import { transformGuest } from "./guest-module.ts";
import { analyseModule } from "./module-analysis.ts";
import { stripTypes } from "./strip-types.ts";

/** The compiled module, its types still there. */
function transform(text: string, file: string, isEntry = false): string {
  const analysis = analyseModule(text, { file, root: "/project" });
  if (analysis === null) throw new Error("The module has no directive.");
  return transformGuest(analysis, isEntry).code;
}

/** The compiled module as JavaScript. */
function compile(text: string, file = "/project/a.ts", isEntry = false): string {
  return stripTypes(transform(text, file, isEntry), file).code;
}

/** Names that the compiled module still imports before types are stripped, which would hide what we left behind. */
function importedNames(text: string, file = "/project/a.ts"): string[] {
  const { module } = parseSync(file, transform(text, file));
  return module.staticImports.flatMap(({ moduleRequest, entries }) =>
    entries.length === 0 ? [moduleRequest.value] : entries.map(({ localName }) => localName.value),
  );
}

const step = (body: string) => `export async function step() { "use step"; ${body} }\n`;
const flow = (body: string) => `export async function flow() { "use workflow"; ${body} }\n`;
const a = 'import a from "a";\n';

describe("an import stays exactly when code that stays uses it as a value", () => {
  test.each<[string, string, boolean]>([
    ["only a step", a + step("a();"), false],
    ["only a workflow", a + flow("a();"), true],
    ["both", a + step("a();") + flow("a();"), true],
    ["a step, and a workflow's local of the same name", a + step("a();") + flow("const a = 1; return a;"), false],
    ["a step, and a parameter", `${a}${step("a();")}export const f = (a: number) => a;`, false],
    ["a step, and a hoisted function inside", a + step("a();") + flow("return a(); function a() {}"), false],
    ["a step, and a hoisted var inside", a + step("a();") + flow("{ var a = 1; } return a;"), false],
    ["a step, and a block's let beside a real use", a + step("a();") + flow("{ let a = 1; } return a;"), true],
    ["a step, and a catch parameter", a + step("a();") + flow("try {} catch (a) { return a; }"), false],
    ["a step, and a loop's own name", a + step("a();") + flow("for (const a of []) a;"), false],
    ["a step, and a class name inside", a + step("a();") + flow("return class a { b = a; };"), false],
    ["a step, and a property", a + step("a();") + flow("return x.a + { a: 1 }.a;"), false],
    ["a step, and a label", a + step("a();") + flow("a: for (;;) break a;"), false],
    ["a step, and a method name", `${a}${step("a();")}export class C { a() {} }`, false],
    ["a step, and a computed method name", `${a}${step("a();")}export class C { [a]() {} }`, true],
    ["a step, and shorthand", a + step("a();") + flow("return { a };"), true],
    ["a step, and a template", a + step("a();") + flow("return `$" + "{a}`;"), true],
    ["a step, and a tag", a + step("a();") + flow("return a`x`;"), true],
    ["a step, and a default value", `${a}${step("a();")}export const f = ({ x = a }) => x;`, true],
    ["a step, and an assignment target", a + step("a();") + flow("[a.b] = [1];"), true],
    ["a step, and extends", `${a}${step("a();")}export class C extends a {}`, true],
    ["a step, and implements", `${a}${step("a();")}export class C implements a {}`, false],
    ["a step, and an export", `${a}${step("a();")}export { a as b };`, true],
    ["a step, and a type export", `${a}${step("a();")}export type { a as b };`, false],
    ["a step, and a type in an export", `${a}${step("a();")}export { type a as b };`, false],
    ["a step, and another module's export of that name", `${a}${step("a();")}export { a } from "other";`, false],
    ["a step, and a default export", `${a}${step("a();")}export default a;`, true],
    ["a step, and a type", `${a}${step("a();")}export let x: a;`, false],
    ["a step, and typeof in a type", `${a}${step("a();")}export let x: typeof a;`, false],
    ["a step, and a cast's type", a + step("a();") + flow("return x as a;"), false],
    ["a step, and a cast's value", a + step("a();") + flow("return a as unknown;"), true],
    ["a step, and satisfies", a + step("a();") + flow("return a satisfies unknown;"), true],
    ["a step, and a non-null assertion", a + step("a();") + flow("return a!;"), true],
    ["a step, and type arguments", a + step("a();") + flow("return a<string>;"), true],
    ["a step, and an enum's value", `${a}${step("a();")}export enum E { X = a.b }`, true],
    ["a step, and an enum's member name", `${a}${step("a();")}export enum E { a = 1 }`, false],
    ["a step, and an ambient declaration", `${a}${step("a();")}declare const a2: typeof a;`, false],
    ["a step's parameter default", `${a}export async function s(x = a) { "use step"; }`, false],
    ["a step in a variable", `${a}export const s = async () => { "use step"; a(); };`, false],
    ["a step that is the default export", `${a}export default async () => { "use step"; a(); };`, false],
    ["a retry setting", `${a}${step("a();")}step.maxRetries = a;`, true],
  ])("%s: %#", (_, text, stays) => {
    expect(importedNames(text)).toEqual(stays ? ["a"] : []);
  });

  test("JSX", () => {
    const text = 'import A from "a"; import * as b from "b"; import c from "c";\n';
    const rest = step("c(); b(); A();") + flow("return <A><b.C c={1} /></A>;");
    expect(importedNames(text + rest, "/project/a.tsx")).toEqual(["A", "b"]);
  });

  test("every kind of import clause", () => {
    const text = `
      import d, { x as dead, y, type T } from "a";
      import e, * as ns from "b";
      import { gone, alsoGone } from "c";
      import "side-effect";
    `;
    const body = step("d(); dead(); ns(); e(); gone(); alsoGone();") + flow("return [y, e];");
    expect(importedNames(text + body)).toEqual(["y", "e", "side-effect"]);
  });
});

describe("a declaration goes exactly when only removed code used it", () => {
  test.each<[string, string, string[]]>([
    ["chains go as a whole", "const x = make(); const y = wrap(x); const z = () => y;", []],
    [
      "a use that stays keeps the chain",
      "const x = make(); const y = wrap(x); const z = () => y; keep(y);",
      ["x", "y"],
    ],
    ["cycles go", "function x() { return z(); } const z = () => x();", []],
    ["classes, enums and destructuring go", "class x {} enum y { A } const { q: [z] } = make(x, y);", []],
    ["exported ones stay, and what they use", "const x = make(); export const y = x; const z = y;", ["x", "y"]],
    ["what nothing used stays", "const lonely = make(); const z = 1;", ["lonely"]],
    ["what a lonely one uses stays", "const z = make(); const lonely = z;", ["z", "lonely"]],
    ["a name of the same statement keeps it", "const z = 1, y = 2; keep(y);", ["z", "y"]],
  ])("%s", (_, declarations, names) => {
    const code = compile(`${declarations}\n${step("return z;")}`);
    const declared = ["x", "y", "z", "lonely"].filter((name) =>
      new RegExp(`\\b(const|function|class|var) ${name}\\b|, ${name} =`).test(code),
    );
    expect(declared.sort()).toEqual(names.toSorted());
  });

  test("a workflow that only a step mentions stays in the bundle's entry", () => {
    const code = compile(`${step("start(hidden);")}async function hidden() { "use workflow"; }`, undefined, true);
    expect(code).toContain("export { hidden as __perdure_workflow_1 }");
  });
});

test("overloads, generics and annotations of a step leave with its body", () => {
  const code = compile(`
    export async function load(id: string): Promise<string>;
    export async function load<T extends object>(this: void, id: T | string): Promise<T | string> { "use step"; return id; }
    export const other: <T>(x: T) => Promise<T> = async <T,>(x: T): Promise<T> => { "use step"; return x; };
  `);
  expect(code).toMatchInlineSnapshot(`
    "export function load() {
    	return __perdure.callStep("step//./a//load", "load", "(id)", arguments);
    }
    export const other = (function() {
    	return __perdure.callStep("step//./a//other", "other", "(x)", arguments);
    });
    "
  `);
});

test("names with quotes, line separators and emoji arrive unchanged, and offsets count UTF-16", () => {
  const text = `const s = "😀é"; export async function ünïcode(größe: string, { "a-\\u2028": b }: any) { "use step"; return s; }`;
  const code = compile(text, '/project/it\'s "quoted" 😀.ts');
  const calls: unknown[][] = [];
  const run = new Function("__perdure", `${code.replace("export ", "")}; ünïcode(1);`);
  run({ callStep: (...args: unknown[]) => calls.push(args.slice(0, 3)) });
  expect(calls).toEqual([['step//./it\'s "quoted" 😀//ünïcode', "ünïcode", "(größe,{a-\u2028})"]]);
  expect(code).not.toContain("😀é");
});
