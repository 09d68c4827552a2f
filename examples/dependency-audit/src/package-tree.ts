/** Reads installed packages from the disk. Knows nothing of durable functions. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { classifyLicence, type Licence } from "./licence.ts";

/** What a package says about itself. */
export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly licence: Licence;
}

/** What a package's folder holds. */
export interface PackageSize {
  readonly fileCount: number;
  readonly byteCount: number;
  /** Over the paths and the contents of all files, in the order of the paths. */
  readonly sha256: string;
}

/** The folders of all packages installed below `root`, sorted; each once, in the layouts of pnpm and npm. */
export async function findPackages(root: string): Promise<string[]> {
  const found = await packagesIn(join(root, "node_modules"));
  return found.sort();
}

/** Links are left out: what they lead to is found in its own place. */
async function packagesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  return (await Promise.all(folders.map(packagesAt))).flat();
}

async function packagesAt(folder: string): Promise<string[]> {
  const name = basename(folder);
  if (name === ".pnpm") {
    const stores = await readdir(folder);
    return (await Promise.all(stores.map((store) => nestedPackages(join(folder, store))))).flat();
  }
  if (name.startsWith("@")) return await packagesIn(folder);
  const nested = await nestedPackages(folder);
  return (await exists(join(folder, "package.json"))) ? [folder, ...nested] : nested;
}

async function nestedPackages(folder: string): Promise<string[]> {
  const nested = join(folder, "node_modules");
  return (await exists(nested)) ? await packagesIn(nested) : [];
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Reads the package.json of a package's folder. */
export async function readManifest(folder: string): Promise<PackageManifest> {
  const manifest = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
  const { name = basename(folder), version = "none", license = manifest["licenses"] } = manifest;
  return { name: String(name), version: String(version), licence: classifyLicence(license) };
}

/** Counts and hashes the files of a package, without the packages that are installed inside of it. */
export async function measurePackage(folder: string): Promise<PackageSize> {
  const entries = await readdir(folder, { recursive: true });
  const paths = entries.filter((path) => !/^node_modules(?:[/\\]|$)/.test(path)).sort();
  const hash = createHash("sha256");
  let fileCount = 0;
  let byteCount = 0;
  for (const path of paths) {
    const file = join(folder, path);
    if (!(await lstat(file)).isFile()) continue;
    fileCount += 1;
    hash.update(`${path}\0`);
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) {
      byteCount += chunk.length;
      hash.update(chunk);
    }
  }
  return { fileCount, byteCount, sha256: hash.digest("hex") };
}
