import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkspacePackage } from "../workspace.ts";

/** One package as a user would download it. */
export interface Tarball {
  readonly owner: WorkspacePackage;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What is in it, as paths from the package's folder. */
  readonly paths: readonly string[];
}

/** The part of `npm pack --json` that is read. */
interface PackedPackage {
  readonly name: string;
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/**
 * Packs the packages as they are on disk, so they must have been built. npm packs because every machine with Node has
 * it; pnpm, which publishes, takes the same files, adds the LICENSE of the repository and writes versions for `workspace:`.
 */
export function packPackages(root: string, packages: readonly WorkspacePackage[]): Tarball[] {
  if (packages.length === 0) return [];
  const destination = mkdtempSync(join(tmpdir(), "perdure-pack-"));
  try {
    const folders = packages.map(({ folder }) => `./${folder}`);
    const options = ["--json", "--offline", "--ignore-scripts", "--pack-destination", destination];
    const report = execFileSync("npm", ["pack", ...options, ...folders], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    const packed = JSON.parse(report) as PackedPackage[];
    return packages.map((owner) => {
      const entry = packed.find(({ name }) => name === owner.manifest.name);
      assert.ok(entry, `npm pack said nothing about ${owner.manifest.name}.`);
      const bytes = Uint8Array.from(readFileSync(join(destination, entry.filename)));
      return { owner, bytes, paths: entry.files.map(({ path }) => path) };
    });
  } finally {
    rmSync(destination, { recursive: true });
  }
}
