import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The parts of a package.json that the checks read. */
export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** One package of the workspace. */
export interface WorkspacePackage {
  /** Path from the repository's root; empty for the root package itself. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The packages of a repository, the root package first. */
export function readPackages(root: string): WorkspacePackage[] {
  const folders = [
    "",
    ...["packages", "examples"].flatMap((parent) => children(root, parent)),
    "bench",
    "e2e",
    "fuzz",
    "sim",
  ];
  return folders.flatMap((folder) => {
    const path = join(root, folder, "package.json");
    if (!existsSync(path)) return [];
    return [{ folder, manifest: JSON.parse(readFileSync(path, "utf8")) as Manifest }];
  });
}

function children(root: string, parent: string): string[] {
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent)).map((name) => `${parent}/${name}`);
}

/** The packages that users install. */
export function publishedPackages(root: string): WorkspacePackage[] {
  return readPackages(root).filter(
    ({ folder, manifest }) => folder.startsWith("packages/") && manifest.private !== true,
  );
}

/** The entry points that users have, as `exports` names them. */
export function entrySubpaths({ exports = {} }: Manifest): string[] {
  return Object.keys(exports).filter((subpath) => subpath !== "./package.json" && !isForSources(exports[subpath]));
}

/** True for what is not published: sources that only tests, scripts and the simulator load. */
function isForSources(target: unknown): boolean {
  if (typeof target !== "object" || target === null || !("@perdure/source" in target)) return false;
  return /\.testing\.ts$|^\.\/(scripts|test)\//.test(String(target["@perdure/source"]));
}

/** What users may import from a package, by the names that they write. */
export function publicSpecifiers(manifest: Manifest): string[] {
  return entrySubpaths(manifest).map((subpath) => `${manifest.name}${subpath.slice(1)}`);
}

/** The source files a package offers to users: the `@perdure/source` targets of its `exports`, from the root. */
export function entryPoints({ folder, manifest }: WorkspacePackage): string[] {
  return entrySubpaths(manifest).flatMap((subpath) => {
    const target = manifest.exports?.[subpath];
    if (typeof target !== "object" || target === null || !("@perdure/source" in target)) return [];
    const source = target["@perdure/source"];
    return typeof source === "string" ? [`${folder}/${source.replace(/^\.\//, "")}`] : [];
  });
}

/** What a package may load when it is installed by a user. */
export function runtimeDependencies(manifest: Manifest): Set<string> {
  const { dependencies, optionalDependencies, peerDependencies } = manifest;
  return new Set(Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }));
}

/** Everything a manifest names, development included. */
export function allDependencies(manifest: Manifest): Set<string> {
  return new Set([...runtimeDependencies(manifest), ...Object.keys(manifest.devDependencies ?? {})]);
}
