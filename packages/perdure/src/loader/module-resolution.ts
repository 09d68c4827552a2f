/**
 * Finds the file that an import of a user's file means, where Node's own rules do not: TypeScript extensions left out or written as
 * `.js`, and the `paths` of a tsconfig.json. Whatever Node resolves, it resolves as without us, with one exception:
 * `paths` are asked first for bare specifiers, because that is what TypeScript does.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire, isBuiltin, type ResolveFnOutput, type ResolveHookContext } from "node:module";
import { dirname, isAbsolute, join, parse, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { ResolverFactory } from "oxc-resolver";
import { reportMissing } from "../dev/file-report.ts";
import { ancestors } from "../project/project-root.ts";
import { noteEntry } from "./entry-module.ts";
import { isUserFile, pathOfUrl } from "./source-file.ts";

type NextResolve = (specifier: string, context?: Partial<ResolveHookContext>) => ResolveFnOutput;

/** What compiled host modules import; always this copy of Perdure, from wherever they are. */
const hostModule = "perdure/internal";
const hostModuleUrl = import.meta.resolve("perdure/internal");

const require = createRequire(import.meta.url);

const extensions = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];
const extensionAlias = {
  ".js": [".ts", ".tsx", ".js", ".jsx"],
  ".jsx": [".tsx", ".jsx"],
  ".mjs": [".mts", ".mjs"],
  ".cjs": [".cts", ".cjs"],
};

/** Node's codes for a specifier that leads nowhere, from `import` and from `require`. */
const notFoundCodes = new Set(["ERR_MODULE_NOT_FOUND", "ERR_UNSUPPORTED_DIR_IMPORT", "MODULE_NOT_FOUND"]);

/** The `resolve` hook. */
export function resolveModule(specifier: string, context: ResolveHookContext, next: NextResolve): ResolveFnOutput {
  const resolved = resolveImport(specifier, context, next);
  if (context.parentURL === undefined) noteEntry(resolved.url);
  return resolved;
}

function resolveImport(specifier: string, context: ResolveHookContext, next: NextResolve): ResolveFnOutput {
  if (specifier === hostModule) return { url: hostModuleUrl, format: "module", shortCircuit: true };
  const parent = pathOfUrl(context.parentURL);
  if (parent === null || !isUserFile(parent)) return next(specifier, context);
  const alias = isBare(specifier) && mayHavePaths(dirname(parent)) ? resolveAlias(parent, specifier, context) : null;
  if (alias !== null) return found(alias, context);
  try {
    return next(specifier, context);
  } catch (error) {
    if (!notFoundCodes.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    const path = resolveAsTypeScript(parent, specifier, context);
    if (path !== null) return found(path, context);
    reportMissing(placesOf(parent, specifier));
    throw error;
  }
}

/** Where the file of an import by path would be. */
function placesOf(parent: string, specifier: string): string[] {
  if (isBare(specifier)) return [];
  const path = resolve(dirname(parent), pathOfUrl(specifier) ?? specifier);
  const { dir, name } = parse(path);
  return [path, ...extensions.flatMap((extension) => [join(dir, name + extension), path + extension])];
}

function found(path: string, { importAttributes }: ResolveHookContext): ResolveFnOutput {
  return { url: pathToFileURL(path).href, importAttributes, shortCircuit: true };
}

function isBare(specifier: string): boolean {
  return !/^(?:\.{1,2}(?:\/|$)|[a-z][a-z0-9+.-]*:)/i.test(specifier) && !isAbsolute(specifier) && !isBuiltin(specifier);
}

/** A path that `paths` leads to. What oxc-resolver finds among the dependencies is left to Node's own rules. */
function resolveAlias(parent: string, specifier: string, context: ResolveHookContext): string | null {
  const path = resolveAsTypeScript(parent, specifier, context);
  return path === null || path.includes(`${sep}node_modules${sep}`) ? null : path;
}

function resolveAsTypeScript(parent: string, specifier: string, { conditions }: ResolveHookContext): string | null {
  const request = pathOfUrl(specifier) ?? specifier;
  return resolver(conditions).resolveFileSync(parent, request).path ?? null;
}

const resolvers = new Map<string, ResolverFactory>();

/** One resolver per set of conditions, which `require` gives as a Set on some versions of Node. */
function resolver(conditions: Iterable<string>): ResolverFactory {
  const conditionNames = [...conditions];
  const key = conditionNames.join();
  let known = resolvers.get(key);
  if (known === undefined) {
    const { ResolverFactory }: typeof import("oxc-resolver") = require("oxc-resolver");
    known = new ResolverFactory({ tsconfig: "auto", conditionNames, extensions, extensionAlias });
    resolvers.set(key, known);
  }
  return known;
}

const pathsByFolder = new Map<string, boolean>();

/** Whether the nearest tsconfig.json may define `paths`; spares the common project the look-ups. */
function mayHavePaths(folder: string): boolean {
  let known = pathsByFolder.get(folder);
  if (known === undefined) {
    known = nearestTsconfig(folder);
    pathsByFolder.set(folder, known);
  }
  return known;
}

function nearestTsconfig(folder: string): boolean {
  for (const ancestor of ancestors(folder)) {
    const file = join(ancestor, "tsconfig.json");
    if (existsSync(file)) return /"(?:paths|extends|references|baseUrl)"/.test(readFileSync(file, "utf8"));
  }
  return false;
}
