/** Checks the exports of a module whose first statement is a directive: each of them must be a function of that module. */

import type { CompileDiagnostic } from "@perdure/errors";
import type { Node } from "oxc-parser";
import { type Candidate, type TopLevelStatement, withoutTypes } from "./candidates.ts";
import { diagnose } from "./diagnostic.ts";
import type { FunctionKind } from "./function-id.ts";
import type { ParsedModule, Program } from "./parse.ts";

/** An export that is not a function, and what to call it. */
interface Offender {
  readonly node: Node;
  readonly what: string;
}

type NamedExport = Extract<TopLevelStatement, { type: "ExportNamedDeclaration" }>;

/** The findings for every export that the module's directive cannot apply to; types may be exported freely. */
export function checkModuleExports(
  { program, source }: ParsedModule,
  kind: FunctionKind,
  candidates: readonly Candidate[],
): CompileDiagnostic[] {
  const reExports = program.body
    .filter(isValueReExport)
    .map((node) =>
      diagnose(
        source,
        node.start,
        `A "use ${kind}" module cannot re-export: the directive would not reach a function of another module.`,
        "Import it from its own module where it is used, or re-export it from a module without a directive.",
      ),
    );
  const notFunctions = offenders(program, candidates).map(({ node, what }) =>
    diagnose(
      source,
      node.start,
      `Only functions can be exported from a "use ${kind}" module; ${what} is not one.`,
      `Move it to another module, or take the directive from the file and put it into each ${kind} function.`,
    ),
  );
  return [...reExports, ...notFunctions];
}

function isValueReExport(statement: TopLevelStatement): boolean {
  if (statement.type === "ExportAllDeclaration") return statement.exportKind !== "type";
  if (statement.type !== "ExportNamedDeclaration" || statement.source === null) return false;
  return statement.exportKind !== "type" && statement.specifiers.some(({ exportKind }) => exportKind !== "type");
}

function offenders(program: Program, candidates: readonly Candidate[]): Offender[] {
  const functions = new Set<Node>(candidates.map((candidate) => candidate.node));
  const free = typeNames(program.body);
  for (const { binding } of candidates) if (binding !== undefined) free.add(binding);
  return program.body.flatMap((statement) => {
    if (statement.type === "ExportDefaultDeclaration") return defaultOffender(statement.declaration, functions, free);
    if (statement.type !== "ExportNamedDeclaration") return [];
    if (statement.source !== null || statement.exportKind === "type") return [];
    return [...localOffenders(statement, free), ...declarationOffenders(statement.declaration, functions)];
  });
}

function defaultOffender(declaration: Node, functions: ReadonlySet<Node>, free: ReadonlySet<string>): Offender[] {
  const isFree = declaration.type === "TSInterfaceDeclaration" || functions.has(withoutTypes(declaration));
  const isLocal = declaration.type === "Identifier" && free.has(declaration.name);
  return isFree || isLocal ? [] : [{ node: declaration, what: "this default export" }];
}

function localOffenders({ specifiers }: NamedExport, free: ReadonlySet<string>): Offender[] {
  return specifiers.flatMap(({ local, exportKind }) => {
    const name = local.type === "Identifier" ? local.name : "";
    return exportKind === "type" || free.has(name) ? [] : [{ node: local, what: name }];
  });
}

function declarationOffenders(declaration: Node | null, functions: ReadonlySet<Node>): Offender[] {
  switch (declaration?.type) {
    case "VariableDeclaration":
      if (declaration.declare === true) return [];
      return declaration.declarations.flatMap(({ id, init }) => {
        if (init !== null && functions.has(withoutTypes(init))) return [];
        return [{ node: id, what: id.type === "Identifier" ? id.name : "this declaration" }];
      });
    case "ClassDeclaration":
    case "TSEnumDeclaration":
    case "TSModuleDeclaration": {
      if (declaration.declare === true) return [];
      const { id } = declaration;
      return [{ node: declaration, what: id?.type === "Identifier" ? id.name : "this declaration" }];
    }
    default:
      return [];
  }
}

/** Names of the module's types: `export { Order }` of an interface is as free as `export type { Order }`. */
function typeNames(body: readonly Node[]): Set<string> {
  const names = new Set<string>();
  for (const statement of body) {
    if (statement.type === "TSInterfaceDeclaration" || statement.type === "TSTypeAliasDeclaration") {
      names.add(statement.id.name);
    } else if (statement.type === "ImportDeclaration") {
      for (const specifier of statement.specifiers) {
        const isType = specifier.type === "ImportSpecifier" && specifier.importKind === "type";
        if (statement.importKind === "type" || isType) names.add(specifier.local.name);
      }
    }
  }
  return names;
}
