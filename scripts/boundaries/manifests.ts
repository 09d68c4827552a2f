import type { Finding } from "../finding.ts";
import { allDependencies, type WorkspacePackage } from "../workspace.ts";
import { mayDependOn } from "./layers.ts";

/** Where every third-party dependency is named with its reason. */
export const dependencyRecord = "docs/decisions/0002-dependencies.md";

/** The findings about package.json files: direction, reasons, and the order of export conditions. */
export function checkManifests(packages: readonly WorkspacePackage[], record: string): Finding[] {
  const workspaceNames = new Set(packages.map(({ manifest }) => manifest.name));
  const reasoned = new Set([...record.matchAll(/^- `([^`]+)`/gm)].map((match) => match[1] ?? ""));
  return packages.flatMap((member) => {
    const file = member.folder === "" ? "package.json" : `${member.folder}/package.json`;
    const report = (rule: string, message: string): Finding => ({ file, line: 1, rule, message });
    const findings = conditionOrder(member).map((subpath) =>
      report(
        "export-conditions",
        `"${subpath}" must list "@perdure/source" first: the first condition that fits wins.`,
      ),
    );
    for (const name of allDependencies(member.manifest)) {
      if (workspaceNames.has(name)) {
        if (mayDependOn({ name: member.manifest.name, folder: member.folder }, name)) continue;
        findings.push(report("layer", `${member.manifest.name} may not depend on ${name}.`));
      } else if (!reasoned.has(name)) {
        findings.push(report("dependency-reason", `${name} has no line in ${dependencyRecord}; add its reason there.`));
      }
    }
    return findings;
  });
}

function conditionOrder({ manifest }: WorkspacePackage): string[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    if (typeof target !== "object" || target === null || !("@perdure/source" in target)) return [];
    return Object.keys(target)[0] === "@perdure/source" ? [] : [subpath];
  });
}
