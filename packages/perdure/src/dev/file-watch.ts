/**
 * Watches files, each by the folder that it is in: editors replace a file instead of writing it, and a watch on the file itself
 * would be left with the old one.
 */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { fileVersion } from "./file-report.ts";

/** An editor writes a file in several steps; this many milliseconds without one count as the end. */
const quietMs = 60;

export class FileWatch {
  readonly #onChange: (path: string) => void;
  readonly #onFailure: (folder: string, error: Error) => void;
  readonly #folders = new Map<string, FSWatcher | null>();
  /** Each watched file, as it was when the program read it. */
  readonly #versions = new Map<string, string>();
  readonly #pending = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  /** `onFailure` is told about each folder that cannot be watched. */
  constructor(onChange: (path: string) => void, onFailure: (folder: string, error: Error) => void) {
    this.#onChange = onChange;
    this.#onFailure = onFailure;
  }

  /** Watches a file that had this version when it was read. One that has changed since then is a change. */
  add(path: string, version: string): void {
    this.#versions.set(path, version);
    const folder = dirname(path);
    if (!this.#folders.has(folder)) this.#folders.set(folder, this.#watch(folder));
    this.#suspect(path);
  }

  /** False when no folder can be watched, so that nothing will be heard. */
  get isWatching(): boolean {
    return [...this.#folders.values()].some((watcher) => watcher !== null);
  }

  close(): void {
    for (const watcher of this.#folders.values()) watcher?.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #watch(folder: string): FSWatcher | null {
    try {
      const watcher = watch(folder, (_event, name) => this.#heard(folder, name));
      watcher.on("error", (error) => this.#failed(folder, error));
      return watcher;
    } catch (error) {
      this.#failed(folder, error instanceof Error ? error : new Error(String(error)));
      return null;
    }
  }

  #failed(folder: string, error: Error): void {
    this.#folders.get(folder)?.close();
    this.#folders.set(folder, null);
    this.#onFailure(folder, error);
  }

  /** Some systems do not say which file of the folder it was. */
  #heard(folder: string, name: string | null): void {
    const inFolder = [...this.#versions.keys()].filter((path) => dirname(path) === folder);
    for (const path of inFolder) if (name === null || name === basename(path)) this.#pending.add(path);
    if (this.#pending.size > 0) this.#settle();
  }

  #suspect(path: string): void {
    if (fileVersion(path) === this.#versions.get(path)) return;
    this.#pending.add(path);
    this.#settle();
  }

  #settle(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#report(), quietMs);
  }

  #report(): void {
    this.#timer = null;
    const changed = [...this.#pending].filter((path) => fileVersion(path) !== this.#versions.get(path));
    this.#pending.clear();
    // What changes next is measured against this.
    for (const path of changed) this.#versions.set(path, fileVersion(path));
    const [first] = changed;
    if (first !== undefined) this.#onChange(first);
  }
}
