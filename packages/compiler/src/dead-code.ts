/**
 * Finds what a module no longer needs once some of its code is gone.
 *
 * Taking a step's body out of a workflow bundle leaves imports and module-level declarations behind that only the body
 * used: a database pool, a client, `node:fs`. They must go too, although making them has side effects, because those
 * belong to the step's world.
 *
 * Owns: which declarations are dead (C1: a declaration is dead only if removed code used it, directly or through other
 * dead declarations, and no code that stays does). A declaration that nothing ever used stays: its side effects were
 * wanted for their own sake. Exported declarations stay: another module may use them.
 */

import type { Node } from "oxc-parser";
import type { TopLevelStatement } from "./candidates.ts";
import { moduleReferences } from "./module-references.ts";
import type { Program } from "./parse.ts";

/** A half-open range of offsets. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

type ImportStatement = Extract<TopLevelStatement, { type: "ImportDeclaration" }>;
export type ImportSpecifier = ImportStatement["specifiers"][number];

/** What can be removed. */
export interface DeadCode {
  readonly statements: readonly Node[];
  /** Imports of which at least one specifier is dead, with the value specifiers that stay. */
  readonly imports: ReadonlyMap<ImportStatement, readonly ImportSpecifier[]>;
}

/** Something that can be removed on its own: a statement that declares names, or one specifier of an import. */
interface Declaration {
  readonly node: Node;
  readonly names: readonly string[];
  readonly importedBy: ImportStatement | undefined;
}

/** Finds the declarations that only the removed ranges used; statements of `kept` are never dead. */
export function deadCodeAfter(program: Program, removed: readonly Range[], kept: ReadonlySet<Node>): DeadCode {
  const declarations = program.body.flatMap((statement) => (kept.has(statement) ? [] : declarationsOf(statement)));
  const dead = deadDeclarations(program, declarations, removed);
  const imports = new Map<ImportStatement, ImportSpecifier[]>();
  for (const { importedBy } of dead) {
    if (importedBy !== undefined && !imports.has(importedBy)) {
      const deadNodes = new Set([...dead].map((declaration) => declaration.node));
      const staying = importedBy.specifiers.filter((specifier) => !isTypeOnly(specifier) && !deadNodes.has(specifier));
      imports.set(importedBy, staying);
    }
  }
  const statements = [...dead].flatMap(({ node, importedBy }) => (importedBy === undefined ? [node] : []));
  return { statements, imports };
}

function deadDeclarations(
  program: Program,
  declarations: readonly Declaration[],
  removed: readonly Range[],
): Set<Declaration> {
  const byName = new Map(declarations.flatMap((declaration) => declaration.names.map((name) => [name, declaration])));
  const usedByRemoved = new Set<Declaration>();
  const uses = new Map<Declaration, Declaration[]>();
  const usedElsewhere: Declaration[] = [];
  for (const { name, start } of moduleReferences(program)) {
    const target = byName.get(name);
    if (target === undefined) continue;
    const container = declarations.find(({ node }) => contains(node, start));
    if (removed.some((range) => contains(range, start))) usedByRemoved.add(target);
    else if (container === undefined) usedElsewhere.push(target);
    else uses.set(container, [...(uses.get(container) ?? []), target]);
  }
  const suspects = reachable(usedByRemoved, uses);
  // What stays for its own sake keeps alive what it uses, suspects included.
  const roots = declarations.filter((declaration) => !suspects.has(declaration));
  const alive = reachable([...usedElsewhere, ...roots], uses);
  return new Set([...suspects].filter((declaration) => !alive.has(declaration)));
}

function reachable(from: Iterable<Declaration>, uses: ReadonlyMap<Declaration, readonly Declaration[]>) {
  const seen = new Set<Declaration>();
  const open = [...from];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(uses.get(next) ?? []));
  }
  return seen;
}

/** Whether the offset lies in the range. */
export function contains(range: Range, offset: number): boolean {
  return range.start <= offset && offset < range.end;
}

function declarationsOf(statement: TopLevelStatement): Declaration[] {
  switch (statement.type) {
    case "ImportDeclaration":
      if (statement.importKind === "type") return [];
      return statement.specifiers
        .filter((specifier) => !isTypeOnly(specifier))
        .map((node) => ({ node, names: [node.local.name], importedBy: statement }));
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSEnumDeclaration":
      return statement.id === null ? [] : [{ node: statement, names: [statement.id.name], importedBy: undefined }];
    case "VariableDeclaration": {
      const names = statement.declarations.flatMap(({ id }) => boundNames(id));
      return [{ node: statement, names, importedBy: undefined }];
    }
    default:
      return [];
  }
}

/** Whether an import specifier brings a type only. */
export function isTypeOnly(specifier: ImportSpecifier): boolean {
  return specifier.type === "ImportSpecifier" && specifier.importKind === "type";
}

function boundNames(pattern: Node): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "AssignmentPattern":
      return boundNames(pattern.left);
    case "RestElement":
      return boundNames(pattern.argument);
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : boundNames(element)));
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        boundNames(property.type === "Property" ? property.value : property),
      );
    default:
      return [];
  }
}
