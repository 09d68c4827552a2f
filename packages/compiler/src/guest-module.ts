/**
 * Compiles a module for a workflow bundle: workflows stay as they are, each step becomes a function that asks the guest,
 * and what only step bodies used is gone.
 *
 * A step is always a plain function of the same name and the same hoisting as the original, so that it can be called
 * before its declaration and through import cycles.
 */

import type MagicString from "magic-string";
import type { Node } from "oxc-parser";
import { guestCallStep, guestName, reservedPrefix } from "./contract.ts";
import { deadCodeAfter, type ImportSpecifier } from "./dead-code.ts";
import type { WorkflowEntry } from "./manifest.ts";
import type { ModuleAnalysis, StepFunction } from "./module-analysis.ts";
import { withoutDirectives } from "./rewrite.ts";

/** A module compiled for a bundle. */
export interface GuestModule {
  readonly code: string;
  readonly map: ReturnType<MagicString["generateMap"]>;
  /** Import specifiers that the compiled module no longer has. */
  readonly deadSpecifiers: ReadonlySet<Node>;
}

/** A workflow and the name under which its module's compiled form exports it. */
export interface WorkflowExport {
  readonly entry: WorkflowEntry;
  readonly exportName: string;
}

/** The names under which the bundle's entry can import every workflow of a module, exported by the user or not. */
export function workflowExports({ functions }: ModuleAnalysis): WorkflowExport[] {
  return functions.flatMap((fn, index) => {
    if (fn.kind !== "workflow") return [];
    const exportName = fn.binding === undefined ? "default" : `${reservedPrefix}_workflow_${index}`;
    return [{ entry: fn.entry, exportName }];
  });
}

/** Compiles a module for a bundle; `isEntry` adds the exports that {@link workflowExports} names. */
export function transformGuest(analysis: ModuleAnalysis, isEntry: boolean): GuestModule {
  const { program, functions, source } = analysis;
  const edited = withoutDirectives(analysis);
  const steps = functions.filter((fn) => fn.kind === "step");
  for (const step of steps) replaceStep(edited, step);
  const statements = new Set(functions.map((fn) => fn.statement));
  const dead = deadCodeAfter(
    program,
    steps.map((step) => step.node),
    statements,
  );
  for (const { start, end } of dead.statements) edited.remove(start, end);
  for (const [statement, staying] of dead.imports) {
    if (staying.length === 0) edited.remove(statement.start, statement.end);
    else
      edited.overwrite(statement.start, statement.source.start, `import ${importClause(staying, source.text)} from `);
  }
  if (isEntry) edited.append(entryExports(analysis));
  const deadSpecifiers = [...dead.imports].flatMap(([{ specifiers }, staying]) =>
    specifiers.filter((specifier) => !staying.includes(specifier)),
  );
  return {
    code: edited.toString(),
    map: edited.generateMap({ source: source.file, includeContent: true, hires: "boundary" }),
    deadSpecifiers: new Set(deadSpecifiers),
  };
}

function replaceStep(edited: MagicString, { node, form, name, entry }: StepFunction): void {
  const { id, shape } = entry;
  const literals = [id, entry.name, shape].map((text) => JSON.stringify(text)).join(", ");
  const body = `{ return ${guestName}.${guestCallStep}(${literals}, arguments); }`;
  const isDeclaration = form === "declaration" || form === "default-declaration";
  const head = form === "declaration" ? `function ${name}()` : "function ()";
  edited.overwrite(node.start, node.end, isDeclaration ? `${head} ${body}` : `(${head} ${body})`);
}

function importClause(specifiers: readonly ImportSpecifier[], text: string): string {
  const named = specifiers.filter((specifier) => specifier.type === "ImportSpecifier");
  const others = specifiers.filter((specifier) => specifier.type !== "ImportSpecifier");
  const written = (specifier: ImportSpecifier) => text.slice(specifier.start, specifier.end);
  const parts = others.map(written);
  if (named.length > 0) parts.push(`{ ${named.map(written).join(", ")} }`);
  return parts.join(", ");
}

function entryExports(analysis: ModuleAnalysis): string {
  const named = analysis.functions.flatMap(({ kind, binding }, index) =>
    kind === "workflow" && binding !== undefined ? [`${binding} as ${reservedPrefix}_workflow_${index}`] : [],
  );
  return named.length === 0 ? "" : `\nexport { ${named.join(", ")} };\n`;
}
