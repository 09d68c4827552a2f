/** Which files the loader compiles, and what Node is to take them for. */
import { extname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type PackageScope, packageScope } from "./package-scope.ts";

const typeScript = new Set([".ts", ".tsx", ".mts", ".cts"]);
const plainScript = new Set([".js", ".mjs", ".cjs"]);

/** A superset of every directive, misspelt ones included; the compiler decides. */
const directiveText = /["'`]\s*use[\s_-]*(?:step|work)/i;

/** The path of a file URL, its query left out; null for other URLs. */
export function pathOfUrl(url: string | undefined): string | null {
  return url?.startsWith("file:") === true ? fileURLToPath(url) : null;
}

/** True for a file of the user's own: neither a dependency's nor one of Perdure's. */
export function isUserFile(path: string): boolean {
  return !isDependency(path) && !isOurs(packageScope(path));
}

const isDependency = (path: string): boolean => path.includes(`${sep}node_modules${sep}`);
const isOurs = ({ name }: PackageScope): boolean => name === "perdure" || name?.startsWith("@perdure/") === true;

/** What has to happen to a file before Node can run it. */
export type Treatment =
  /** Nothing: Node loads it itself. */
  | "none"
  /** Only when its text holds a directive. */
  | "if-directive"
  | "always";

/** Decides by path alone, without reading the file. */
export function treatmentOf(path: string): Treatment {
  const extension = extname(path);
  const needsStripping = typeScript.has(extension) || extension === ".jsx";
  if (!needsStripping && !plainScript.has(extension)) return "none";
  const scope = packageScope(path);
  if (isOurs(scope)) return "none";
  if (isDependency(path)) return scope.dependsOnPerdure ? "if-directive" : "none";
  return needsStripping ? "always" : "if-directive";
}

/** Whether the text may hold a directive; only the compiler knows. */
export const mayHoldDirective = (text: string): boolean => directiveText.test(text);

/** What Node takes a module for. */
export type ModuleFormat = "module" | "commonjs";

/**
 * The format by extension and package.json; null when the text decides: TypeScript is usually written as ES modules whatever the
 * `type` says, and a package without `type` leaves it open.
 */
export function declaredFormat(path: string): ModuleFormat | null {
  const extension = extname(path);
  if (extension === ".mts" || extension === ".mjs") return "module";
  if (extension === ".cts" || extension === ".cjs") return "commonjs";
  const { type } = packageScope(path);
  if (type === "module") return "module";
  return type === "commonjs" && !typeScript.has(extension) ? "commonjs" : null;
}
