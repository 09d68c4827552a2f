/**
 * Builds the bundle of a workflow's module when a run needs it, and keeps it: in memory for the process, on disk for the next one. A
 * kept bundle is used again only while every file that it was built from has the same content.
 */
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { BundleProvider, CompiledBundle } from "@perdure/core";
import { type CompileDiagnostic, CompileError, formatDiagnostic } from "@perdure/errors";
import { reportFile } from "../dev/file-report.ts";
import { compiler, compilerFingerprint } from "./compiler.ts";
import { type DiskCache, digestOf } from "./disk-cache.ts";

/** Where the project is, what it has built before, and where warnings go. */
export interface BundleSite {
  readonly root: string;
  readonly cache: DiskCache;
  readonly warn: (text: string) => void;
}

/** Files that decide where an import leads, beside the imported files themselves. */
const resolutionFiles = [
  "package.json",
  "tsconfig.json",
  "package-lock.json",
  "pnpm-lock.yaml",
  "yarn.lock",
  "bun.lock",
];

/** What is kept on disk: the bundle, and the digest of each file that it depends on; null: the file was absent. */
interface KeptBundle {
  readonly bundle: CompiledBundle;
  readonly warnings: readonly CompileDiagnostic[];
  readonly inputs: Readonly<Record<string, string | null>>;
}

/** A provider for this project. Concurrent requests for one module share one build; a build that failed is tried again. */
export function bundleProviderFor(site: BundleSite): BundleProvider {
  const built = new Map<string, Promise<CompiledBundle>>();
  return ({ file }) => {
    const known = built.get(file);
    if (known !== undefined) return known;
    const building = provide(resolve(site.root, file), site);
    built.set(file, building);
    building.catch(() => built.delete(file));
    return building;
  };
}

async function provide(file: string, site: BundleSite): Promise<CompiledBundle> {
  const name = `${digestOf(file)}.bundle`;
  const key = digestOf(JSON.stringify([compilerFingerprint(), site.root]));
  const kept = readKept(site.cache.read(name, key));
  const current = kept !== null && isCurrent(kept, site.root) ? kept : await build(file, site);
  for (const path of Object.keys(current.inputs)) reportFile(resolve(site.root, path));
  if (current !== kept) site.cache.write(name, key, JSON.stringify(current));
  for (const warning of current.warnings) site.warn(formatDiagnostic(warning));
  return current.bundle;
}

function readKept(text: string | null): KeptBundle | null {
  return text === null ? null : (JSON.parse(text) as KeptBundle);
}

async function build(file: string, { root }: BundleSite): Promise<KeptBundle> {
  const bundling = compiler().bundleWorkflow({ file, root });
  const { code, map, workflows, steps, inputs, warnings } = await bundling.catch((error: unknown) => {
    if (CompileError.is(error)) for (const { file: found } of error.diagnostics) reportFile(resolve(root, found));
    throw error;
  });
  const dependencies = [...inputs, ...resolutionFiles.map((name) => join(root, name))];
  return {
    bundle: { code, map, workflows: workflows.map(({ id }) => id), steps: steps.map(({ id }) => id) },
    warnings,
    inputs: Object.fromEntries(dependencies.map((path) => [relative(root, path), fileDigest(path)])),
  };
}

function isCurrent({ inputs }: KeptBundle, root: string): boolean {
  return Object.entries(inputs).every(([path, digest]) => fileDigest(resolve(root, path)) === digest);
}

function fileDigest(path: string): string | null {
  try {
    return digestOf(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}
