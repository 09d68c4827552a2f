/**
 * The module loader of a process: directives, TypeScript and JSX work in every file of the user's, imported or required.
 *
 * Owns: the hooks and whether they are installed. Does not own: what a file becomes (`compile-module.ts`) and which file an import
 * means (`module-resolution.ts`).
 */
// Imported as a whole: an old Node lacks `registerHooks`, and has to get as far as the check that says so.
import * as nodeModule from "node:module";
import { reportFile } from "../dev/file-report.ts";
import { type CompileSite, compileFile } from "./compile-module.ts";
import { DiskCache } from "./disk-cache.ts";
import { resolveModule } from "./module-resolution.ts";
import { pathOfUrl } from "./source-file.ts";

const installedKey = Symbol.for("perdure/loader@1");

/**
 * Installs the loader in this process, once, and for as long as it lives: what a module imports later has to load as well. Also turns
 * on source maps, so that stacks name the lines that were written.
 */
export function installLoader(root: string): void {
  const holder = globalThis as { [installedKey]?: true };
  if (holder[installedKey] === true) return;
  holder[installedKey] = true;
  install(root);
}

function install(root: string): void {
  const site: CompileSite = { root, cache: DiskCache.ofProject(root) };
  nodeModule.setSourceMapsSupport(true, { nodeModules: false, generatedCode: false });
  nodeModule.registerHooks({
    resolve: resolveModule,
    load: (url, context, next) => loadModule(url, context, next, site),
  });
}

function loadModule(
  url: string,
  context: nodeModule.LoadHookContext,
  next: (url: string, context?: Partial<nodeModule.LoadHookContext>) => nodeModule.LoadFnOutput,
  site: CompileSite,
): nodeModule.LoadFnOutput {
  const path = pathOfUrl(url);
  if (path !== null) reportFile(path);
  const compiled = path === null ? null : compileFile(path, site);
  if (compiled === null) return next(url, context);
  const isImportedCommonJs = compiled.format === "commonjs" && new Set(context.conditions).has("import");
  const source = isImportedCommonJs ? withHookedRequire(compiled.code) : compiled.code;
  return { format: compiled.format, source, shortCircuit: true };
}

/**
 * Node 22 runs CommonJS that was imported under a `require` which asks no hooks where a specifier leads; this puts one in its place that
 * does. It stands on the first line, after what must come first, so that line numbers stay.
 */
function withHookedRequire(code: string): string {
  const [first = ""] = /^(?:#!.*\n)?\s*(?:"use strict";?|'use strict';?)?/.exec(code) ?? [];
  return `${first};require = require("node:module").createRequire(__filename);${code.slice(first.length)}`;
}
