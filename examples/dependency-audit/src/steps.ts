/** The steps: ordinary functions of Node. Each runs until its result is on record, and then never again. */
import { writeFile } from "node:fs/promises";
import { withLedger } from "./ledger.ts";
import { findPackages, measurePackage, readManifest } from "./package-tree.ts";
import { reportPath } from "./places.ts";
import { renderReport } from "./report.ts";
import type { PackageAudit, Summary } from "./summary.ts";

/** The folders of all packages that are installed below `root`. */
export async function listPackages(root: string): Promise<string[]> {
  "use step";
  return withLedger("list packages", () => findPackages(root));
}

/** Reads one package: its manifest and licence, and the number, size and hash of its files. */
export async function auditPackage(folder: string): Promise<PackageAudit> {
  "use step";
  return withLedger(folder, async () => {
    const manifest = await readManifest(folder);
    return { ...manifest, ...(await measurePackage(folder)) };
  });
}

/** Writes `report.md`. Written whole, so that writing it once more after a crash does no harm. */
export async function writeReport(
  summary: Summary,
  audits: readonly PackageAudit[],
  approvedBy: string,
): Promise<void> {
  "use step";
  await withLedger("write report", () => writeFile(reportPath, renderReport(summary, audits, approvedBy)));
}
