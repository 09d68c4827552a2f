import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Finding } from "../finding.ts";
import type { WorkspacePackage } from "../workspace.ts";

/** The scripts that a package manager runs when it installs a package from a registry. */
const installScripts = ["preinstall", "install", "postinstall"];

/** The parts of an installed package.json that are read. */
interface InstalledManifest {
  readonly name: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * The findings about code that runs at installation: neither a published package nor anything that it brings may have an
 * install script. Dependencies of other platforms, which are not installed here, are not looked at.
 */
export function checkInstallScripts(root: string, owner: WorkspacePackage): Finding[] {
  const seen = new Set<string>();
  const open = [realpathSync(join(root, owner.folder))];
  const findings: Finding[] = [];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as InstalledManifest;
    const scripts = installScripts.filter((script) => script in (manifest.scripts ?? {}));
    // npm builds a package with a binding.gyp although it names no script.
    if (existsSync(join(folder, "binding.gyp"))) scripts.push("node-gyp");
    for (const script of scripts) {
      const message = `${manifest.name} would run its ${script} script on the machine of whoever installs this package.`;
      findings.push({ file: `${owner.folder}/package.json`, line: 1, rule: "install-script", message });
    }
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
    open.push(...names.flatMap((name) => installedFolder(folder, name)));
  }
  return findings;
}

/** Where Node would find a dependency of the package in this folder; nothing when it is not installed. */
function installedFolder(from: string, name: string): string[] {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return [realpathSync(candidate)];
    if (folder === dirname(folder)) return [];
  }
}
