/** What the audit found, in numbers. Pure: the workflow itself computes it, on every replay alike. */
import type { Licence } from "./licence.ts";
import type { PackageManifest, PackageSize } from "./package-tree.ts";

/** All that is known about one package. */
export interface PackageAudit extends PackageManifest, PackageSize {}

interface LicenceCount extends Licence {
  readonly packageCount: number;
}

export interface Summary {
  readonly packageCount: number;
  readonly fileCount: number;
  readonly byteCount: number;
  /** Most frequent first. */
  readonly licences: readonly LicenceCount[];
  /** The ten largest packages, largest first. */
  readonly largest: readonly PackageAudit[];
}

const largestCount = 10;

export function summarise(audits: readonly PackageAudit[]): Summary {
  return {
    packageCount: audits.length,
    fileCount: sum(audits.map((audit) => audit.fileCount)),
    byteCount: sum(audits.map((audit) => audit.byteCount)),
    licences: countLicences(audits),
    largest: audits.toSorted((a, b) => b.byteCount - a.byteCount).slice(0, largestCount),
  };
}

function countLicences(audits: readonly PackageAudit[]): LicenceCount[] {
  const counts = new Map<string, LicenceCount>();
  for (const { licence } of audits) {
    const packageCount = (counts.get(licence.name)?.packageCount ?? 0) + 1;
    counts.set(licence.name, { ...licence, packageCount });
  }
  return [...counts.values()].sort((a, b) => b.packageCount - a.packageCount);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
