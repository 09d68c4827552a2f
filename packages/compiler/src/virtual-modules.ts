/**
 * The modules of Perdure as workflow code sees them: thin, generated, and backed by the guest that runs the bundle.
 *
 * The real packages never enter a bundle, so a bundle does not change when they do.
 */

import type { CompileDiagnostic } from "@perdure/errors";
import type { Node } from "oxc-parser";
import {
  guestApi,
  guestErrors,
  guestExports,
  guestName,
  guestUnavailable,
  onceExports,
  unavailableExports,
} from "./contract.ts";
import { diagnose } from "./diagnostic.ts";
import { moduleReferences } from "./module-references.ts";
import type { ParsedModule } from "./parse.ts";

interface VirtualModule {
  readonly names: readonly string[];
  readonly code: string;
}

const virtualModules: ReadonlyMap<string, VirtualModule> = new Map([
  ["perdure", { names: guestExports, code: guestExports.map(fromGuest).join("") }],
  ["perdure/errors", { names: guestErrors, code: guestErrors.map(fromGuest).join("") }],
  ["perdure/api", { names: unavailableExports, code: unavailableExports.map(unavailable).join("") }],
  ["perdure/once", { names: onceExports, code: onceExports.map(unavailable).join("") }],
]);

/** The code of one of Perdure's modules for workflow code; `undefined` when workflow code cannot import it. */
export function virtualModuleCode(specifier: string): string | undefined {
  return virtualModules.get(specifier)?.code;
}

/** True for specifiers of the package that users install. */
export function isPerdureSpecifier(specifier: string): boolean {
  return specifier === "perdure" || specifier.startsWith("perdure/");
}

/** The modules that workflow code can import, for messages. */
export const virtualSpecifiers: readonly string[] = [...virtualModules.keys()];

type ImportOrExport = Extract<
  ParsedModule["program"]["body"][number],
  { type: "ImportDeclaration" | "ExportNamedDeclaration" }
>;
type Specifier = ImportOrExport["specifiers"][number];

/**
 * The findings for every name that the module imports from Perdure, uses as a value, and that does not exist there.
 * Specifiers of `dead` are left out: only steps used them.
 */
export function missingGuestImports(module: ParsedModule, dead: ReadonlySet<Node>): CompileDiagnostic[] {
  const used = new Set(moduleReferences(module.program).map(({ name }) => name));
  // TypeScript drops a name that is only used as a type, so such a name need not exist.
  const isDropped = (specifier: Specifier) =>
    module.isTypeScript && specifier.type !== "ExportSpecifier" && !used.has(specifier.local.name);
  return module.program.body.flatMap((statement) => {
    if (statement.type !== "ImportDeclaration" && statement.type !== "ExportNamedDeclaration") return [];
    const from = statement.source?.value ?? "";
    const known = virtualModules.get(from)?.names;
    if (known === undefined) return [];
    const living = statement.specifiers.filter((specifier) => !dead.has(specifier) && !isDropped(specifier));
    return living.flatMap((specifier) => {
      const imported = importedName(specifier);
      if (imported === undefined || known.includes(imported)) return [];
      const message = `Workflow code cannot import ${imported} from "${from}": the module does not offer that name there.`;
      const hint = `It offers ${known.join(", ")}. A name that only steps use is not a problem.`;
      return [diagnose(module.source, specifier.start, message, hint)];
    });
  });
}

/** The imported name; `undefined` for namespaces and types. */
function importedName(specifier: Specifier): string | undefined {
  if (specifier.type === "ImportDefaultSpecifier") return "default";
  if (specifier.type === "ImportNamespaceSpecifier") return undefined;
  if (specifier.type === "ExportSpecifier") {
    return specifier.exportKind === "type" || !("name" in specifier.local) ? undefined : specifier.local.name;
  }
  return specifier.importKind === "type" || !("name" in specifier.imported) ? undefined : specifier.imported.name;
}

/** Marked pure, so that a name that the workflow does not use leaves nothing behind. */
function fromGuest(name: string): string {
  return `export const ${name} = /* @__PURE__ */ (() => ${guestName}.${guestApi}.${name})();\n`;
}

function unavailable(name: string): string {
  return `export function ${name}() { return ${guestName}.${guestUnavailable}(${JSON.stringify(name)}); }\n`;
}
