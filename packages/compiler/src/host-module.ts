/**
 * Compiles a module for the host: steps stay as they are and are registered, workflows are registered and throw when
 * ordinary code calls them.
 *
 * Function declarations are registered at the top of the module, where hoisting has already made them, so that they are
 * known even while an import cycle is still being evaluated; functions in variables right after their statement.
 *
 * Every module that the original would have evaluated must still be evaluated (H1), because a module registers its steps
 * when it is evaluated. TypeScript drops an import whose names are not used as values, and replacing a workflow's body
 * may have taken the last use; such an import is repeated without names. Imports of which every use was a type stay
 * droppable.
 */

import { basename } from "node:path";
import remapping from "@jridgewell/remapping";
import type MagicString from "magic-string";
import { hostExports, hostModule, reservedPrefix } from "./contract.ts";
import { contains, isTypeOnly } from "./dead-code.ts";
import type { ModuleManifest } from "./manifest.ts";
import { analyseModule, type CompiledFunction, type ModuleAnalysis } from "./module-analysis.ts";
import { moduleReferences } from "./module-references.ts";
import { type ModuleLocation, relativePathOf } from "./parse.ts";
import { bodyBlock, withoutDirectives } from "./rewrite.ts";
import type { SourceMap } from "./source-map.ts";
import { stripTypes } from "./strip-types.ts";

/** Where the module is, and whether a source map is wanted (default: yes). */
export interface TransformHostOptions extends ModuleLocation {
  readonly sourceMap?: boolean;
}

/** A module compiled for the host. */
export interface HostModule {
  readonly code: string;
  /** Maps to the original; its one source is the file's base name. `null` when none was asked for. */
  readonly map: SourceMap | null;
  readonly manifest: ModuleManifest;
}

const registerStep = `${reservedPrefix}_${hostExports.registerStep}`;
const registerWorkflow = `${reservedPrefix}_${hostExports.registerWorkflow}`;
const workflowCalled = `${reservedPrefix}_${hostExports.workflowCalled}`;
/** The binding that an anonymous default export gets. */
const defaultBinding = `${reservedPrefix}_default`;

/**
 * Compiles one module for the host; TypeScript stays TypeScript. `null` when the module has no directive.
 *
 * @throws CompileError with every finding when the module cannot be compiled
 */
export function transformHost(text: string, options: TransformHostOptions): HostModule | null {
  const analysis = analyseModule(text, options);
  if (analysis === null) return null;
  const edited = withoutDirectives(analysis);
  const registrations: string[] = [];
  for (const fn of analysis.functions) {
    if (fn.kind === "workflow") replaceWorkflowBody(edited, fn);
    const register = registration(fn);
    if (fn.form === "declaration") registrations.push(register);
    else if (fn.form === "default-declaration") registrations.push(nameDefaultDeclaration(edited, fn, register));
    else if (fn.form === "variable") edited.appendLeft(fn.statement.end, `\n${register}`);
    else nameDefaultExpression(edited, fn, register);
  }
  keepImports(edited, analysis);
  const header = [hostImport(analysis.functions), ...registrations];
  edited.appendRight(headerOffset(analysis), `${header.join("\n")}\n`);
  return {
    code: edited.toString(),
    map: options.sourceMap === false ? null : mapOf(edited, options.file),
    manifest: analysis.manifest,
  };
}

/**
 * Compiles one module to JavaScript that the host can run, directive or not: the host transformation, then types (and
 * JSX) taken out, with one map back to the original.
 *
 * @throws CompileError with every finding when the module cannot be compiled
 */
export function compileHost(text: string, location: ModuleLocation): HostModule {
  const host = transformHost(text, location);
  const manifest = host?.manifest ?? { file: relativePathOf(location), workflows: [], steps: [] };
  const stripped = stripTypes(host?.code ?? text, manifest.file);
  if (host === null) return { ...stripped, manifest };
  if (stripped.map === null) return { code: stripped.code, map: host.map, manifest };
  return { code: stripped.code, map: joinMaps(stripped.map, host.map), manifest };
}

function joinMaps(outer: SourceMap, inner: SourceMap | null): SourceMap {
  if (inner === null) return outer;
  const joined = remapping([mutable(outer), mutable(inner)], () => null);
  const { sources, sourcesContent = [], names, mappings } = joined;
  return {
    version: 3,
    sources: sources.map((source) => source ?? ""),
    sourcesContent,
    names,
    mappings: String(mappings),
  };
}

function mutable({ sources, sourcesContent = [], names, mappings }: SourceMap) {
  return {
    version: 3 as const,
    sources: [...sources],
    sourcesContent: [...sourcesContent],
    names: [...names],
    mappings,
  };
}

function mapOf(edited: MagicString, file: string): SourceMap {
  const { sources, sourcesContent, names, mappings } = edited.generateMap({
    source: basename(file),
    includeContent: true,
    hires: "boundary",
  });
  return { version: 3, sources, sourcesContent: sourcesContent ?? [], names, mappings };
}

function replaceWorkflowBody(edited: MagicString, fn: CompiledFunction): void {
  const body = bodyBlock(fn.node);
  if (body === undefined) return;
  edited.overwrite(body.start, body.end, `{ throw ${workflowCalled}(${JSON.stringify(fn.name)}); }`);
}

function registration({ kind, binding = defaultBinding, entry }: CompiledFunction): string {
  const { id, name, file, line } = entry;
  const details = "shape" in entry ? { name, file, line, shape: entry.shape } : { name, file, line };
  const register = kind === "step" ? registerStep : registerWorkflow;
  return `${register}(${JSON.stringify(id)}, ${binding}, ${JSON.stringify(details)});`;
}

/** `export default async function () {}` gets a name to be registered by; hoisting stays as it was. */
function nameDefaultDeclaration(edited: MagicString, fn: CompiledFunction, register: string): string {
  const { text } = fn.node.type === "FunctionDeclaration" ? { text: "function" } : { text: "" };
  const keyword = edited.original.indexOf(text, fn.node.start) + text.length;
  edited.appendLeft(keyword, ` ${defaultBinding}`);
  return register;
}

/** `export default async () => {}` becomes a constant that is registered and exported. */
function nameDefaultExpression(edited: MagicString, fn: CompiledFunction, register: string): void {
  const { start, end } = fn.statement;
  const expressionStart = edited.original.indexOf("default", start) + "default".length;
  edited.overwrite(start, expressionStart, `const ${defaultBinding} =`);
  const semicolon = edited.original[end - 1] === ";" ? "" : ";";
  edited.appendLeft(end, `${semicolon}\nexport default ${defaultBinding};\n${register}`);
}

function hostImport(functions: readonly CompiledFunction[]): string {
  const kinds = new Set(functions.map((fn) => fn.kind));
  const names = [
    ...(kinds.has("step") ? [`${hostExports.registerStep} as ${registerStep}`] : []),
    ...(kinds.has("workflow")
      ? [`${hostExports.registerWorkflow} as ${registerWorkflow}`, `${hostExports.workflowCalled} as ${workflowCalled}`]
      : []),
  ];
  return names.length === 0 ? "" : `import { ${names.join(", ")} } from ${JSON.stringify(hostModule)};`;
}

/** After the hashbang and after the directives of others (`"use client"`), which only work as the first statements. */
function headerOffset({ program, directiveStatements }: ModuleAnalysis): number {
  const own = new Set<unknown>(directiveStatements);
  const first = program.body.find((statement) => !("directive" in statement) || own.has(statement));
  return first?.start ?? program.end;
}

/**
 * Repeats the imports that only replaced workflow bodies used as values, without names (H1). Each stands where the
 * original stands, because the order of the imports is the order of their evaluation.
 */
function keepImports(edited: MagicString, { program, functions, isTypeScript, source }: ModuleAnalysis): void {
  const bodies = functions.flatMap((fn) => (fn.kind === "workflow" ? (bodyBlock(fn.node) ?? []) : []));
  if (!isTypeScript || bodies.length === 0) return;
  const before = new Set<string>();
  const after = new Set<string>();
  for (const { name, start } of moduleReferences(program)) {
    before.add(name);
    if (!bodies.some((body) => contains(body, start))) after.add(name);
  }
  for (const statement of program.body) {
    if (statement.type !== "ImportDeclaration" || statement.importKind === "type") continue;
    const names = statement.specifiers.filter((specifier) => !isTypeOnly(specifier)).map(({ local }) => local.name);
    const isLost = names.some((name) => before.has(name)) && !names.some((name) => after.has(name));
    if (!isLost) continue;
    edited.appendLeft(statement.end, `\nimport ${source.text.slice(statement.source.start, statement.end)}`);
  }
}
