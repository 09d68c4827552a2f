/** Everything the compiler knows about one module with directives, before it rewrites anything. */

import { type CompileDiagnostic, CompileError } from "@perdure/errors";
import type { Node } from "oxc-parser";
import { walk } from "oxc-walker";
import { reservedPrefix } from "./contract.ts";
import { diagnose, diagnoseFile } from "./diagnostic.ts";
import { mayHoldDirective } from "./directive-text.ts";
import { type DirectiveFunction, findDirectives } from "./directives.ts";
import { explicitNames } from "./explicit-name.ts";
import { explicitId, functionId } from "./function-id.ts";
import { duplicateIds, type ModuleManifest, mergeManifests, type StepEntry, type WorkflowEntry } from "./manifest.ts";
import { type ModuleLocation, type ParsedModule, parseModule } from "./parse.ts";
import { shapeOf } from "./shape.ts";

/** A workflow function and its entry in the manifest. */
interface WorkflowFunction extends DirectiveFunction {
  readonly kind: "workflow";
  readonly entry: WorkflowEntry;
}

/** A step function and its entry in the manifest. */
export interface StepFunction extends DirectiveFunction {
  readonly kind: "step";
  readonly entry: StepEntry;
}

export type CompiledFunction = WorkflowFunction | StepFunction;

/** A module whose directives are all legal. */
export interface ModuleAnalysis extends ParsedModule {
  readonly functions: readonly CompiledFunction[];
  readonly directiveStatements: readonly Node[];
  readonly manifest: ModuleManifest;
}

/**
 * Analyses a module; `null` when it has no directive.
 *
 * @throws CompileError with every finding when a directive or a name is not legal
 */
export function analyseModule(text: string, location: ModuleLocation): ModuleAnalysis | null {
  if (!mayHoldDirective(text)) return null;
  const module = parseModule(text, location);
  const { functions: found, statements, diagnostics } = findDirectives(module);
  const explicit = explicitNames(module, found);
  const reserved = found.length === 0 ? [] : reservedNames(module);
  const all = [...diagnostics, ...explicit.diagnostics, ...reserved];
  if (all.length > 0) throw new CompileError(all.sort((a, b) => a.line - b.line || a.column - b.column));
  if (found.length === 0 && statements.length === 0) return null;
  const file = module.source.file;
  if (/\.c[jt]s$/.test(file)) {
    throw new CompileError([
      diagnoseFile(file, "Directives work in ECMAScript modules only.", "Rename the file to .mjs, .mts, .js or .ts."),
    ]);
  }
  const functions = found.map((fn) => compiledFunction(module, fn, explicit.names.get(fn)));
  const manifest: ModuleManifest = {
    file,
    workflows: functions.flatMap((fn) => (fn.kind === "workflow" ? [fn.entry] : [])),
    steps: functions.flatMap((fn) => (fn.kind === "step" ? [fn.entry] : [])),
  };
  assertUniqueIds(module, functions, manifest);
  return { ...module, functions, directiveStatements: statements, manifest };
}

function compiledFunction(module: ParsedModule, fn: DirectiveFunction, name: string | undefined): CompiledFunction {
  const { file } = module.source;
  const entry = {
    id: name === undefined ? functionId(fn.kind, file, fn.name) : explicitId(fn.kind, name),
    name: fn.name,
    file,
    line: module.source.position(fn.node.start).line,
  };
  return fn.kind === "step"
    ? { ...fn, kind: "step", entry: { ...entry, shape: shapeOf(fn.node.params) } }
    : { ...fn, kind: "workflow", entry };
}

/** The compiler adds names with the reserved prefix, which must not meet a name of the module. */
function reservedNames({ program, source }: ParsedModule): CompileDiagnostic[] {
  const found: CompileDiagnostic[] = [];
  if (!source.text.includes(reservedPrefix)) return found;
  walk(program, {
    enter(node) {
      if (node.type !== "Identifier" || !node.name.startsWith(reservedPrefix)) return;
      const message = `The name ${node.name} is reserved: modules with directives cannot use ${reservedPrefix}….`;
      found.push(diagnose(source, node.start, message, "Rename it."));
    },
  });
  return found;
}

function assertUniqueIds(module: ParsedModule, functions: readonly CompiledFunction[], manifest: ModuleManifest): void {
  const duplicates = duplicateIds(mergeManifests([manifest]));
  if (duplicates.length === 0) return;
  throw new CompileError(
    duplicates.map(({ id, first, second }) =>
      diagnose(
        module.source,
        functions.find((fn) => fn.entry === second)?.node.start ?? 0,
        `Two functions have the id ${id}: ${first.name} in line ${first.line} and ${second.name} in line ${second.line}.`,
        "Give one of them another name.",
      ),
    ),
  );
}
