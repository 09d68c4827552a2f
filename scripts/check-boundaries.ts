/**
 * Checks that packages depend on one another only in the direction that `boundaries/layers.ts` allows, that files of a
 * package do not load one another in a circle, and that nothing is imported that package.json does not list.
 */
import { isBuiltin } from "node:module";
import { findCycles } from "./boundaries/cycles.ts";
import { type Import, importsOf, isRelative, resolveRelative } from "./boundaries/imports.ts";
import { mayImport, packageNameOf } from "./boundaries/layers.ts";
import { checkManifests, dependencyRecord } from "./boundaries/manifests.ts";
import { type Finding, printFindings } from "./finding.ts";
import { isTest, isTypeScript, readTree } from "./source-tree.ts";
import { parse } from "./syntax.ts";
import { allDependencies, readPackages, runtimeDependencies, type WorkspacePackage } from "./workspace.ts";

interface Importer {
  readonly path: string;
  readonly owner: WorkspacePackage;
  readonly imports: readonly Import[];
}

/** What the check saw: the findings, and how many files it read. */
export interface BoundaryReport {
  readonly findings: readonly Finding[];
  readonly checkedCount: number;
}

/** Checks the repository at `root`. */
export function checkBoundaries(root: string): BoundaryReport {
  const files = readTree(root);
  const packages = readPackages(root);
  const importers = files
    .filter(({ path }) => isTypeScript(path))
    .map(
      (file): Importer => ({ path: file.path, owner: ownerOf(packages, file.path), imports: importsOf(parse(file)) }),
    );
  const record = files.find(({ path }) => path === dependencyRecord)?.text ?? "";
  const findings = [
    ...checkManifests(packages, record),
    ...importers.flatMap((importer) => checkImports(importer, packages)),
    ...checkCycles(importers),
  ];
  return { findings, checkedCount: importers.length };
}

function ownerOf(packages: readonly WorkspacePackage[], path: string): WorkspacePackage {
  const owner = packages.find(({ folder }) => folder !== "" && path.startsWith(`${folder}/`));
  return owner ?? packages.find(({ folder }) => folder === "") ?? { folder: "", manifest: { name: "" } };
}

function checkImports(importer: Importer, packages: readonly WorkspacePackage[]): Finding[] {
  const workspaceNames = new Set(packages.map(({ manifest }) => manifest.name));
  const listed = listedDependencies(importer, packages);
  return importer.imports.flatMap((entry) => {
    const problem = judgeImport(importer, entry.specifier, workspaceNames, listed);
    return problem === undefined ? [] : [{ file: importer.path, line: entry.line, ...problem }];
  });
}

/** The guest is built into one string, so what it imports is needed by the build, and not where it runs. */
const guest = "packages/core/src/realm/guest/";

/** Shipped files may use what a user installs; tests, scripts and the guest also what is installed here for development. */
function listedDependencies({ path, owner }: Importer, packages: readonly WorkspacePackage[]): Set<string> {
  const isSource = path.startsWith(`${owner.folder}/src/`) && owner.folder.startsWith("packages/");
  if (isSource && !isTest(path) && !path.startsWith(guest)) return runtimeDependencies(owner.manifest);
  const root = packages.find(({ folder }) => folder === "");
  return new Set([...allDependencies(owner.manifest), ...(root === undefined ? [] : allDependencies(root.manifest))]);
}

function judgeImport(
  { path, owner }: Importer,
  specifier: string,
  workspaceNames: ReadonlySet<string>,
  listed: ReadonlySet<string>,
): Pick<Finding, "rule" | "message"> | undefined {
  if (isRelative(specifier)) {
    const target = resolveRelative(path, specifier);
    if (owner.folder === "" || target.startsWith(`${owner.folder}/`)) return undefined;
    return { rule: "relative-escape", message: `${specifier} leaves the package; import it by its package name.` };
  }
  if (isBuiltin(specifier)) return undefined;
  const target = packageNameOf(specifier);
  const { name } = owner.manifest;
  if (workspaceNames.has(target) && !mayImport({ name, folder: owner.folder }, specifier)) {
    return { rule: "layer", message: `${name} may not import ${specifier}; see scripts/boundaries/layers.ts.` };
  }
  if (target === name || listed.has(target)) return undefined;
  return { rule: "unlisted", message: `${target} is imported, but the package.json of ${name} does not list it.` };
}

function checkCycles(importers: readonly Importer[]): Finding[] {
  const graph = new Map(
    importers.map(({ path, imports }) => [
      path,
      imports
        .filter(({ kind, specifier }) => kind === "value" && isRelative(specifier))
        .map(({ specifier }) => resolveRelative(path, specifier)),
    ]),
  );
  return findCycles(graph).map((cycle) => ({
    file: cycle[0] ?? "",
    line: 1,
    rule: "import-cycle",
    message: `These files load one another: ${cycle.join(" -> ")}. Move what they share into a file of its own.`,
  }));
}

if (process.argv[1] === import.meta.filename) {
  const { findings, checkedCount } = checkBoundaries(process.cwd());
  process.exitCode = printFindings("boundaries", checkedCount, findings);
}
