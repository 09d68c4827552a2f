/** The package.json that governs a file, as far as the loader cares; one look at the disk per folder. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What the nearest package.json says. */
export interface PackageScope {
  readonly name: string | null;
  readonly type: "module" | "commonjs" | null;
  /** True when it lists `perdure` among its dependencies, peers included. */
  readonly dependsOnPerdure: boolean;
}

const scopes = new Map<string, PackageScope>();
const noScope: PackageScope = { name: null, type: null, dependsOnPerdure: false };

/** The scope of a file, by its absolute path. A package.json that cannot be read counts as empty, as it is Node's to report. */
export function packageScope(file: string): PackageScope {
  return scopeOfFolder(dirname(file));
}

function scopeOfFolder(folder: string): PackageScope {
  const known = scopes.get(folder);
  if (known !== undefined) return known;
  const parent = dirname(folder);
  const scope = readScope(folder) ?? (parent === folder ? noScope : scopeOfFolder(parent));
  scopes.set(folder, scope);
  return scope;
}

function readScope(folder: string): PackageScope | null {
  let text: string;
  try {
    text = readFileSync(join(folder, "package.json"), "utf8");
  } catch {
    return null;
  }
  return parseScope(text);
}

function parseScope(text: string): PackageScope {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch {
    return noScope;
  }
  if (typeof manifest !== "object" || manifest === null) return noScope;
  const { name, type, dependencies, peerDependencies, optionalDependencies } = manifest as Record<string, unknown>;
  return {
    name: typeof name === "string" ? name : null,
    type: type === "module" || type === "commonjs" ? type : null,
    dependsOnPerdure: [dependencies, peerDependencies, optionalDependencies].some(
      (list) => typeof list === "object" && list !== null && Object.hasOwn(list, "perdure"),
    ),
  };
}
