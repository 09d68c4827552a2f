/** Every error code has a page under `docs/errors`, and every page a code: `PerdureError.docs` points there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Argument, Class, ClassElement, MethodDefinition, Node } from "oxc-parser";
import { describe, expect, test } from "vitest";
import { readTree } from "./source-tree.ts";
import { parse, type SyntaxFile, visit } from "./syntax.ts";

const root = join(import.meta.dirname, "..");
const pagesFolder = join(root, "docs/errors");
const linesMax = 25;

/** `HOOK_NOT_FOUND` is explained in `hook-not-found.md`. */
const pageOf = (code: string): string => `${code.toLowerCase().replaceAll("_", "-")}.md`;

/** The codes that a class of errors passes to its base: the first argument of `super`, as text or by a union type. */
function codesOf(type: Class, unions: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const definition = type.body.body.find(isConstructor)?.value;
  const code = definition?.body?.body.map(superArgument).find((argument) => argument !== undefined);
  if (code?.type === "Literal" && typeof code.value === "string") return [code.value];
  const parameter = definition?.params[0];
  const annotation = parameter?.type === "Identifier" ? parameter.typeAnnotation?.typeAnnotation : undefined;
  if (code?.type !== "Identifier" || annotation?.type !== "TSTypeReference") return [];
  return annotation.typeName.type === "Identifier" ? (unions.get(annotation.typeName.name) ?? []) : [];
}

/** The first argument of `super(…)`, when the statement is that call. */
function superArgument(statement: Node): Argument | undefined {
  const call = statement.type === "ExpressionStatement" ? statement.expression : undefined;
  return call?.type === "CallExpression" && call.callee.type === "Super" ? call.arguments[0] : undefined;
}

function literalsOf(type: Node): readonly string[] {
  if (type.type === "TSUnionType") return type.types.flatMap(literalsOf);
  const value = type.type === "TSLiteralType" && type.literal.type === "Literal" ? type.literal.value : undefined;
  return typeof value === "string" ? [value] : [];
}

const isConstructor = (member: ClassElement): member is MethodDefinition =>
  member.type === "MethodDefinition" && member.kind === "constructor";

const hasConstructor = (type: Class): boolean => type.body.body.some(isConstructor);

/** The error classes of a file, with the codes of each. */
function errorClasses(file: SyntaxFile): { readonly name: string; readonly codes: readonly string[] }[] {
  const unions = new Map<string, readonly string[]>();
  const classes: Class[] = [];
  visit(file, (node) => {
    if (node.type === "TSTypeAliasDeclaration") unions.set(node.id.name, literalsOf(node.typeAnnotation));
    if (node.type === "ClassDeclaration" && node.superClass !== null && hasConstructor(node)) classes.push(node);
  });
  return classes.map((type) => ({ name: type.id?.name ?? "", codes: codesOf(type, unions) }));
}

const classes = readTree(root)
  .filter(({ path }) => path.startsWith("packages/errors/src/") && path.endsWith(".ts") && !path.endsWith(".test.ts"))
  .flatMap((file) => errorClasses(parse(file)))
  // The base takes its code from whoever extends it.
  .filter(({ name }) => name !== "PerdureError");
const codes = [...new Set(classes.flatMap((type) => type.codes))].sort();
const pages = readdirSync(pagesFolder).sort();

test("the code of every error class can be read from its constructor", () => {
  expect(classes.filter((type) => type.codes.length === 0).map(({ name }) => name)).toEqual([]);
  expect(codes).toEqual(expect.arrayContaining(["HOOK_NOT_FOUND", "RUN_PARKED", "STORE_LOCKED", "COMPILE_FAILED"]));
});

test("every code has its page, and every page its code", () => {
  expect(pages).toEqual(codes.map(pageOf).sort());
});

describe.each(codes)("the page of %s", (code) => {
  test("names code and class, and says what is likely and what to do, briefly", () => {
    const lines = readFileSync(join(pagesFolder, pageOf(code)), "utf8")
      .trimEnd()
      .split("\n");
    const names = classes.filter((type) => type.codes.includes(code)).map(({ name }) => `\`${name}\`.`);
    expect(lines[0]).toBe(`# ${code}`);
    expect(names.some((name) => lines[2]?.startsWith(name))).toBe(true);
    expect(lines).toEqual(expect.arrayContaining(["## Likely causes", "## What to do"]));
    expect(lines.length).toBeLessThanOrEqual(linesMax);
  });
});
