/**
 * Who may depend on whom. `docs/architecture.md` explains the direction; this table is what is enforced, and a package
 * that is missing from it may depend on no other package of the workspace.
 */

const everything = /^(@perdure\/.+|perdure|perdure-sim)$/;

interface Layer {
  /** The packages this row speaks of. */
  readonly packages: RegExp;
  /** Workspace packages they may import, by package name. */
  readonly mayUse: RegExp;
  /** Single modules they may import from a package that is otherwise closed to them. */
  readonly mayUseModules?: readonly string[];
}

/** The file of constant names that the compiler shares with the runtime, and the only thing it shares. */
const contract = "@perdure/compiler/contract";

const nothing = /^$/;

const layers: readonly Layer[] = [
  { packages: /^@perdure\/errors$/, mayUse: nothing },
  { packages: /^@perdure\/world$/, mayUse: /^@perdure\/errors$/ },
  { packages: /^@perdure\/serde$/, mayUse: /^@perdure\/errors$/ },
  { packages: /^@perdure\/compiler$/, mayUse: /^@perdure\/errors$/ },
  {
    packages: /^@perdure\/core$/,
    mayUse: /^@perdure\/(errors|world|serde)$/,
    mayUseModules: [contract],
  },
  { packages: /^@perdure\/world-.+$/, mayUse: /^@perdure\/(errors|world)$/ },
  { packages: /^@perdure\/(cli|inspector|testing)$/, mayUse: /^@perdure\/(errors|world|serde|core)$/ },
  { packages: /^perdure$/, mayUse: /^@perdure\/.+$/ },
];

/** The name of the package that an import specifier belongs to: `@a/b/c` is of `@a/b`, `d/e` of `d`. */
export function packageNameOf(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

const topFolders: ReadonlySet<string> = new Set(["", "bench", "e2e", "fuzz", "sim"]);

/** True for the packages that only this repository runs: they sit on top of everything. */
function isTop(folder: string): boolean {
  return topFolders.has(folder) || folder.startsWith("examples/");
}

/** A workspace package, as far as the layer rules care. */
export interface LayerMember {
  readonly name: string;
  readonly folder: string;
}

/** May `from` import this specifier of another workspace package? */
export function mayImport(from: LayerMember, specifier: string): boolean {
  const target = packageNameOf(specifier);
  if (target === from.name) return true;
  if (isTop(from.folder)) return everything.test(target);
  const layer = layers.find(({ packages }) => packages.test(from.name));
  if (layer === undefined) return false;
  return layer.mayUse.test(target) || (layer.mayUseModules ?? []).includes(specifier);
}

/** May `from` name this workspace package in its package.json? */
export function mayDependOn(from: LayerMember, target: string): boolean {
  const layer = layers.find(({ packages }) => packages.test(from.name));
  return mayImport(from, target) || (layer?.mayUseModules ?? []).some((module) => packageNameOf(module) === target);
}
