import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A text file of the repository. */
export interface TextFile {
  /** Path from the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Folders that hold what is installed, built or recorded, and inputs that are broken on purpose. */
const skippedFolders = new Set(["node_modules", "dist", ".git", ".turbo", ".perdure", "coverage", "fixtures"]);

/** Every text file that people wrote, sorted by path. Generated files are left out: their generator is checked. */
export function readTree(root: string): TextFile[] {
  const files: TextFile[] = [];
  for (const path of listFiles(root, "")) {
    const text = readFileSync(join(root, path), "utf8");
    if (!text.includes("\0")) files.push({ path, text });
  }
  return files;
}

function listFiles(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return skippedFolders.has(entry.name) ? [] : listFiles(root, path);
      return entry.isFile() && !entry.name.includes(".generated.") ? [path] : [];
    });
}

/** True for TypeScript sources, declaration files excluded. */
export function isTypeScript(path: string): boolean {
  return /\.[cm]?tsx?$/.test(path) && !/\.d\.[cm]?ts$/.test(path);
}

/** True for test files and for what only tests load. */
export function isTest(path: string): boolean {
  return /\.(test|testing)\.tsx?$/.test(path) || /(^|\/)test\//.test(path);
}
