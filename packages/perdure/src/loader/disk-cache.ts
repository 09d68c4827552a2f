/**
 * A folder of files that can be made again at any time: compiled modules and workflow bundles.
 *
 * An entry is written beside its place and renamed into it, so that processes which write the same entry do not disturb each
 * other, and a reader sees a whole entry or none. A checksum stands before the content: what was cut off or damaged is treated
 * as absent. Nothing here ever fails a program: without a writable folder everything is compiled each time.
 */
import { hash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Changes when the entries' form does. */
const entryForm = "perdure-cache-1";

export class DiskCache {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The cache of a project: `node_modules/.cache/perdure`, or `.perdure/cache` where there is no `node_modules`. */
  static ofProject(root: string): DiskCache {
    const modules = join(root, "node_modules");
    return new DiskCache(existsSync(modules) ? join(modules, ".cache", "perdure") : join(root, ".perdure", "cache"));
  }

  /** The content of the entry that was written under this name with this key; null when there is no such one. */
  read(name: string, key: string): string | null {
    let text: string;
    try {
      text = readFileSync(this.#pathOf(name), "utf8");
    } catch {
      return null;
    }
    const end = text.indexOf("\n");
    const content = text.slice(end + 1);
    return end > 0 && text.slice(0, end) === firstLine(key, content) ? content : null;
  }

  /** Replaces the entry of this name, so a file that is edited leaves no old entries behind. */
  write(name: string, key: string, content: string): void {
    const temporary = this.#pathOf(`${name}.${process.pid}-${randomBytes(6).toString("hex")}`);
    try {
      mkdirSync(this.folder, { recursive: true });
      writeFileSync(temporary, `${firstLine(key, content)}\n${content}`);
      renameSync(temporary, this.#pathOf(name));
    } catch {
      this.#discard(temporary);
    }
  }

  #discard(path: string): void {
    try {
      rmSync(path, { force: true });
    } catch {
      // The folder itself cannot be used, so there is nothing in it.
    }
  }

  #pathOf(name: string): string {
    return join(this.folder, name);
  }
}

/** A short, file-name-safe digest of any text. */
export const digestOf = (text: string): string => hash("sha256", text, "hex").slice(0, 40);

function firstLine(key: string, content: string): string {
  return `${entryForm} ${key} ${digestOf(content)}`;
}
