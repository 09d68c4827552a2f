/** Where a module uses its own module-level names as values. */

import type { Node } from "oxc-parser";
import { isReferenceIdentifier, ScopeTracker, walk } from "oxc-walker";
import type { Program } from "./parse.ts";

/** A use of a module-level name; uses in types are not listed, for they do not exist when the module runs. */
export interface ModuleReference {
  readonly name: string;
  readonly start: number;
}

/** Every use of a module-level name as a value, in source order; names shadowed by an inner scope are left out. */
export function moduleReferences(program: Program): ModuleReference[] {
  const scopes = new ScopeTracker({ preserveExitedScopes: true });
  // The first walk collects declarations, so that uses before a declaration (hoisting) resolve in the second.
  walk(program, { scopeTracker: scopes });
  scopes.freeze();
  const references: ModuleReference[] = [];
  walk(program, {
    scopeTracker: scopes,
    enter(node, parent) {
      if (holdsNoValues(node)) {
        this.skip();
        return;
      }
      if (node.type !== "Identifier" && node.type !== "JSXIdentifier") return;
      if (!isReferenceIdentifier(node, parent) || isTypePosition(parent)) return;
      // The tracker's key of the module's own scope is the empty string.
      if (scopes.getDeclaration(node.name)?.scope === "") references.push({ name: node.name, start: node.start });
    },
  });
  return references;
}

/** Type-only exports, re-exports (their names are another module's) and ambient declarations. */
function holdsNoValues(node: Node): boolean {
  switch (node.type) {
    case "ExportNamedDeclaration":
      return node.source !== null || node.exportKind === "type";
    case "ExportSpecifier":
      return node.exportKind === "type";
    case "VariableDeclaration":
    case "ClassDeclaration":
    case "TSEnumDeclaration":
    case "TSModuleDeclaration":
      return node.declare === true;
    case "TSDeclareFunction":
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return true;
    default:
      return false;
  }
}

const typescriptValueParents: ReadonlySet<string> = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "TSInstantiationExpression",
  "TSEnumMember",
  "TSExportAssignment",
]);

function isTypePosition(parent: Node | null): boolean {
  const type = parent?.type ?? "";
  return type.startsWith("TS") && !typescriptValueParents.has(type);
}
