/**
 * Reads a finished bundle for what must not be in it, and for step calls whose promise is dropped.
 *
 * The finished text is read, not the modules, because tree shaking has already decided what survives and the bundler
 * has already resolved which name means which step, through any chain of re-exports. Places are mapped back to the
 * user's files.
 */

import { isBuiltin, SourceMap } from "node:module";
import type { Node } from "oxc-parser";
import { parseSync } from "oxc-parser";
import { ScopeTracker, walk } from "oxc-walker";
import { guestCallStep, guestName } from "./contract.ts";
import type { Program } from "./parse.ts";
import { SourceText } from "./source-text.ts";

/** What can be found in a bundle. */
export type BundleFinding =
  | { readonly is: "dynamic-import" | "eval" | "require"; readonly place: OriginalPlace }
  | { readonly is: "builtin-require"; readonly specifier: string; readonly place: OriginalPlace }
  | { readonly is: "floating-step"; readonly step: string; readonly place: OriginalPlace };

/** A place in a file of the project, line and column from 1. */
export interface OriginalPlace {
  /** Path from the project root. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** What the scan learns about a bundle. */
export interface BundleScan {
  readonly findings: readonly BundleFinding[];
  /** Ids of the steps that the bundle can call. */
  readonly stepIds: ReadonlySet<string>;
}

interface Scan {
  readonly place: (offset: number) => OriginalPlace | undefined;
  readonly steps: ReadonlyMap<string, string>;
  readonly findings: BundleFinding[];
}

/** Scans the text of a bundle; `map` is its source map with sources as paths from the root. */
export function scanBundle(code: string, map: string): BundleScan {
  const { program, module } = parseSync("bundle.js", code, { sourceType: "script" });
  const statements = bundleStatements(program);
  const steps = stepFunctions(statements);
  const scan: Scan = { place: placesOf(code, map), steps, findings: [] };
  for (const { start } of module.dynamicImports) report(scan, start, (place) => ({ is: "dynamic-import", place }));
  for (const statement of statements) {
    const place = scan.place(statement.start);
    if (place !== undefined && !place.file.includes("node_modules/")) scanStatement(scan, statement);
  }
  for (const call of code.matchAll(/\brequire\((["'`])([^"'`]+)\1\)/g)) {
    const specifier = call[2] ?? "";
    if (isBuiltin(specifier)) report(scan, call.index, (place) => ({ is: "builtin-require", specifier, place }));
  }
  return { findings: scan.findings, stepIds: calledStepIds(code) };
}

/** Ids of the steps that the text calls. The bundler prints a string with the quotes that need the fewest escapes. */
function calledStepIds(code: string): Set<string> {
  const quoted = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/.source;
  const calls = code.matchAll(new RegExp(`\\b${guestName}\\.${guestCallStep}\\((${quoted})`, "g"));
  return new Set([...calls].map((call) => stringValue(call[1] ?? "")));
}

function stringValue(literal: string): string {
  const [statement] = parseSync("literal.js", `(${literal})`, { preserveParens: false }).program.body;
  const expression = statement?.type === "ExpressionStatement" ? statement.expression : undefined;
  if (expression?.type === "TemplateLiteral") return expression.quasis[0]?.value.cooked ?? "";
  return expression?.type === "Literal" ? String(expression.value) : "";
}

function report(scan: Scan, offset: number, finding: (place: OriginalPlace) => BundleFinding): void {
  const place = scan.place(offset);
  if (place !== undefined) scan.findings.push(finding(place));
}

/** Maps offsets of the bundle to places of the project; built on first use, as most bundles have no finding. */
function placesOf(code: string, map: string): Scan["place"] {
  const source = new SourceText("bundle.js", code);
  const sourceMap = new SourceMap(JSON.parse(map));
  return (offset) => {
    const { line, column } = source.position(offset);
    const entry = sourceMap.findEntry(line - 1, column - 1);
    if (!("originalSource" in entry)) return undefined;
    return { file: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  };
}

/** The statements of the bundled modules: those of the innermost function that wraps all of the code. */
function bundleStatements(program: Program): readonly Node[] {
  let statements: readonly Node[] = program.body;
  for (;;) {
    const inner = statements.flatMap((statement) => wrapperBody(statement) ?? []);
    if (inner.length === 0) return statements;
    statements = inner;
  }
}

/** The body of `(function (…) {…})` and of `var workflows = (function () {…})()`, the two wrappers of a bundle. */
function wrapperBody(statement: Node): readonly Node[] | undefined {
  if (statement.type === "ExpressionStatement") return functionBody(statement.expression);
  if (statement.type !== "VariableDeclaration") return undefined;
  const [declarator] = statement.declarations;
  const { id, init } = declarator ?? {};
  const isBundle = id?.type === "Identifier" && id.name === bundleVariable;
  return isBundle && init?.type === "CallExpression" ? functionBody(init.callee) : undefined;
}

/** The variable that holds the workflows inside a bundle. */
export const bundleVariable = `${guestName}_workflows`;

function functionBody(node: Node): readonly Node[] | undefined {
  const inner = node.type === "ParenthesizedExpression" ? node.expression : node;
  return inner.type === "FunctionExpression" && inner.body !== null ? inner.body.body : undefined;
}

/** The bundle's names of steps: functions whose body is only the call of the guest. */
function stepFunctions(statements: readonly Node[]): Map<string, string> {
  const steps = new Map<string, string>();
  const add = (name: string | undefined, body: readonly Node[] | undefined) => {
    const step = stepName(body);
    if (name !== undefined && step !== undefined) steps.set(name, step);
  };
  for (const statement of statements) {
    if (statement.type === "FunctionDeclaration") add(statement.id?.name, statement.body?.body);
    if (statement.type !== "VariableDeclaration") continue;
    for (const { id, init } of statement.declarations) {
      if (id.type === "Identifier" && init !== null) add(id.name, functionBody(init));
    }
  }
  return steps;
}

function stepName(body: readonly Node[] | undefined): string | undefined {
  const [only] = body ?? [];
  if (body?.length !== 1 || only?.type !== "ReturnStatement" || only.argument?.type !== "CallExpression")
    return undefined;
  const { callee, arguments: args } = only.argument;
  if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier") return undefined;
  if (callee.object.name !== guestName || callee.property.type !== "Identifier") return undefined;
  if (callee.property.name !== guestCallStep) return undefined;
  const name = args[1];
  return name?.type === "Literal" && typeof name.value === "string" ? name.value : undefined;
}

function scanStatement(scan: Scan, statement: Node): void {
  const scopes = new ScopeTracker();
  walk(statement, {
    scopeTracker: scopes,
    enter(node, parent) {
      const name = calledName(node);
      if (name === undefined) return;
      // The statement's own name is known to the tracker too, so a step's call is judged before shadowing is.
      const declaration = scopes.getDeclaration(name);
      if (declaration !== null && declaration.node !== statement) return;
      const step = scan.steps.get(name);
      if (step !== undefined && parent?.type === "ExpressionStatement") {
        report(scan, node.start, (place) => ({ is: "floating-step", step, place }));
      } else if (name === "eval" || name === "Function") report(scan, node.start, (place) => ({ is: "eval", place }));
      else if (name === "require" && !isBuiltinRequire(node))
        report(scan, node.start, (place) => ({ is: "require", place }));
    },
  });
}

/** Those are found in the text of all modules, packages included. */
function isBuiltinRequire(node: Node): boolean {
  const argument = node.type === "CallExpression" ? node.arguments[0] : undefined;
  return argument?.type === "Literal" && typeof argument.value === "string" && isBuiltin(argument.value);
}

function calledName(node: Node): string | undefined {
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return undefined;
  return node.callee.type === "Identifier" ? node.callee.name : undefined;
}
