/**
 * Checks what users would install: packs every published package, and looks at the tarballs with publint, Are The Types
 * Wrong, the TypeScript compiler and rules of its own. Needs a build, and nothing from the network.
 */
import { createPackageFromTarballData } from "@arethetypeswrong/core";
import { type Finding, printFindings } from "./finding.ts";
import { checkConsumer } from "./packages/consumer.ts";
import { checkContents } from "./packages/contents.ts";
import { checkInstallScripts } from "./packages/install-scripts.ts";
import { checkResolution } from "./packages/resolution.ts";
import { packPackages } from "./packages/tarballs.ts";
import { publishedPackages } from "./workspace.ts";

/** What the check saw: the findings, and how many files would be published. */
export interface PackagesReport {
  readonly findings: readonly Finding[];
  readonly checkedCount: number;
}

/** Checks the published packages of the repository at `root`. */
export async function checkPackages(root: string): Promise<PackagesReport> {
  const tarballs = packPackages(root, publishedPackages(root));
  const packed = tarballs.map((tarball) => ({ ...tarball, files: createPackageFromTarballData(tarball.bytes) }));
  const findings: Finding[] = [];
  for (const entry of packed) {
    findings.push(...checkContents(entry, entry.files));
    findings.push(...(await checkResolution(entry, entry.files)));
    findings.push(...checkInstallScripts(root, entry.owner));
  }
  findings.push(...checkConsumer(root, packed));
  return { findings, checkedCount: tarballs.reduce((count, { paths }) => count + paths.length, 0) };
}

if (process.argv[1] === import.meta.filename) {
  const { findings, checkedCount } = await checkPackages(process.cwd());
  process.exitCode = printFindings("packages", checkedCount, findings);
}
