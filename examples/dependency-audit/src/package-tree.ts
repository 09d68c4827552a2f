/** Reads installed packages from the disk. Knows nothing of durable functions. */
import { createHash } from "node:crypto";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { classifyLicence, type Licence } from "./licence.ts";

const pieceBytes = 256 * 1024;

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
  const hash = createHash("sha256");
  const paths = await filesOf(folder);
  let byteCount = 0;
  for (const path of paths) {
    hash.update(`${path}\0`);
    for await (const chunk of contentsOf(join(folder, path))) {
      byteCount += chunk.length;
      hash.update(chunk);
    }
  }
  return { fileCount: paths.length, byteCount, sha256: hash.digest("hex") };
}

/** Paths of the files of a package, relative to its folder, sorted. */
async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return paths.filter((path) => !/^node_modules[/\\]/.test(path)).sort();
}

/** A file in pieces. Each piece is valid until the next one is asked for: most files are small, and a stream would cost more than they do. */
async function* contentsOf(file: string): AsyncGenerator<Uint8Array> {
  await using handle = await open(file);
  const buffer = Buffer.allocUnsafe(pieceBytes);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, pieceBytes);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
