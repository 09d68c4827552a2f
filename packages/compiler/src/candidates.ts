/**
 * The functions of a module that a directive can stand in: function declarations, function expressions and arrows that a
 * module-level variable holds, and default exports. Everything else is refused (see placement.ts).
 */

import type { ArrowFunctionExpression, Function as FunctionNode, Node } from "oxc-parser";
import type { Program } from "./parse.ts";

export type AnyFunction = FunctionNode | ArrowFunctionExpression;
export type TopLevelStatement = Program["body"][number];

/** How a function is written; it decides how the compiler rewrites it. */
type FunctionForm = "declaration" | "variable" | "default-declaration" | "default-expression";

/** A function at module level. */
export interface Candidate {
  readonly node: AnyFunction;
  readonly form: FunctionForm;
  /** The short name: the function's or the variable's name, `default` for an anonymous default export. */
  readonly name: string;
  /** The module-level binding that holds the function; an anonymous default export has none. */
  readonly binding: string | undefined;
  readonly statement: TopLevelStatement;
  readonly exported: boolean;
}

/** True for nodes that are functions with a body of their own. */
export function isFunction(node: Node): node is AnyFunction {
  return (
    node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression"
  );
}

/** Every function of the module that a directive can stand in, in source order. */
export function candidatesOf(program: Program): Candidate[] {
  const exportedLocals = locallyExportedNames(program);
  return program.body.flatMap((statement) => {
    const found = statementCandidates(statement);
    return found.map((candidate) => ({
      ...candidate,
      exported: candidate.exported || (candidate.binding !== undefined && exportedLocals.has(candidate.binding)),
    }));
  });
}

function statementCandidates(statement: TopLevelStatement): Candidate[] {
  if (statement.type === "ExportDefaultDeclaration") return defaultCandidate(statement);
  if (statement.type === "ExportNamedDeclaration") {
    return statement.declaration === null ? [] : declarationCandidates(statement.declaration, statement, true);
  }
  return declarationCandidates(statement, statement, false);
}

function declarationCandidates(declaration: Node, statement: TopLevelStatement, exported: boolean): Candidate[] {
  if (declaration.type === "FunctionDeclaration" && declaration.id !== null && declaration.body !== null) {
    const { name } = declaration.id;
    return [{ node: declaration, form: "declaration", name, binding: name, statement, exported }];
  }
  if (declaration.type !== "VariableDeclaration") return [];
  return declaration.declarations.flatMap((declarator): Candidate[] => {
    const node = declarator.init === null ? undefined : withoutTypes(declarator.init);
    if (node === undefined || !isFunction(node) || declarator.id.type !== "Identifier") return [];
    const { name } = declarator.id;
    return [{ node, form: "variable", name, binding: name, statement, exported }];
  });
}

function defaultCandidate(statement: Extract<TopLevelStatement, { type: "ExportDefaultDeclaration" }>): Candidate[] {
  const node = withoutTypes(statement.declaration);
  if (!isFunction(node) || node.body === null) return [];
  const name = node.id?.name ?? "default";
  const common = { node, name, statement, exported: true };
  if (node.type !== "FunctionDeclaration") return [{ ...common, form: "default-expression", binding: undefined }];
  if (node.id === null) return [{ ...common, form: "default-declaration", binding: undefined }];
  return [{ ...common, form: "declaration", binding: name }];
}

/** The expression inside TypeScript's `as`, `satisfies`, `!` and angle-bracket wrappers. */
export function withoutTypes(node: Node): Node {
  let inner = node;
  while (
    inner.type === "TSAsExpression" ||
    inner.type === "TSSatisfiesExpression" ||
    inner.type === "TSNonNullExpression" ||
    inner.type === "TSTypeAssertion"
  ) {
    inner = inner.expression;
  }
  return inner;
}

function locallyExportedNames(program: Program): Set<string> {
  const names = new Set<string>();
  for (const statement of program.body) {
    if (statement.type === "ExportDefaultDeclaration" && statement.declaration.type === "Identifier") {
      names.add(statement.declaration.name);
    }
    if (statement.type !== "ExportNamedDeclaration" || statement.source !== null) continue;
    for (const { local } of statement.specifiers) if (local.type === "Identifier") names.add(local.name);
  }
  return names;
}
