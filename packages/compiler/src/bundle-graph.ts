/** What a bundle is made of: its modules, who imports whom, and what was left outside. */

import { readFileSync } from "node:fs";
import type { CompileDiagnostic } from "@perdure/errors";
import { parseSync } from "oxc-parser";
import { diagnose, diagnoseFile } from "./diagnostic.ts";
import { relativePath } from "./function-id.ts";
import type { ModuleManifest } from "./manifest.ts";
import { languageOf } from "./parse.ts";
import { SourceText } from "./source-text.ts";

/** Why an import was left out of the bundle. */
export type LeftOut = "builtin" | "unresolved" | "dynamic" | "unavailable";

/** One import, as the bundler resolved it. */
export interface GraphImport {
  readonly importer: string;
  readonly specifier: string;
  readonly isRequire: boolean;
  /** The id of the imported module; `undefined` when it was left out. */
  readonly target: string | undefined;
  readonly leftOut: LeftOut | undefined;
}

/** The record that one build fills. */
export interface BundleGraph {
  readonly root: string;
  /** Absolute path of the workflow module. */
  readonly entry: string;
  readonly imports: GraphImport[];
  /** Absolute paths of the files read. */
  readonly files: Set<string>;
  readonly manifests: ModuleManifest[];
  readonly diagnostics: CompileDiagnostic[];
}

/** True for the user's own files, as opposed to files of packages and to generated modules. */
export function isUserFile(id: string): boolean {
  return !id.startsWith("\0") && !/[\\/]node_modules[\\/]/.test(id);
}

/** The shortest way from the workflow module to a module, as paths from the project root. */
export function importChain(graph: BundleGraph, module: string): string[] {
  const cameFrom = new Map<string, string>();
  const open = [graph.entry];
  const seen = new Set(open);
  for (let current = open.shift(); current !== undefined && current !== module; current = open.shift()) {
    for (const { importer, target } of graph.imports) {
      if (importer !== current || target === undefined || seen.has(target)) continue;
      seen.add(target);
      cameFrom.set(target, current);
      open.push(target);
    }
  }
  const chain = [module];
  for (let at = cameFrom.get(module); at !== undefined; at = cameFrom.get(at)) chain.unshift(at);
  return chain.map((id) => relativePath(id, graph.root));
}

/** A finding at the statement that imports the specifier. */
export function diagnoseImport(
  { root }: BundleGraph,
  { importer, specifier, isRequire }: GraphImport,
  message: string,
  hint: string,
): CompileDiagnostic {
  const file = relativePath(importer, root);
  const text = readSource(importer);
  if (text === undefined) return diagnoseFile(file, message, hint);
  const offset = isRequire ? requireOffset(text, specifier) : importOffset(importer, text, specifier);
  return diagnose(new SourceText(file, text), offset, message, hint);
}

/** The text of a module's file; `undefined` for generated modules. */
export function readSource(id: string): string | undefined {
  try {
    return readFileSync(id, "utf8");
  } catch {
    return undefined;
  }
}

/** Whether the text has `import` or `export` statements, so that it is evaluated as an ECMAScript module. */
export function hasModuleSyntax(file: string, text: string): boolean {
  return parseSync(file, text, { lang: languageOf(file), sourceType: "module" }).module.hasModuleSyntax;
}

function importOffset(file: string, text: string, specifier: string): number {
  const { module } = parseSync(file, text, { lang: languageOf(file), sourceType: "module" });
  const requests = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest),
    ...module.staticExports.flatMap(({ entries }) => entries.flatMap(({ moduleRequest }) => moduleRequest ?? [])),
  ];
  return requests.find(({ value }) => value === specifier)?.start ?? 0;
}

function requireOffset(text: string, specifier: string): number {
  for (const call of text.matchAll(/\brequire\s*\(\s*(["'`])(.*?)\1/g)) {
    if (call[2] === specifier) return call.index;
  }
  return 0;
}
