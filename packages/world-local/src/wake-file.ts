/**
 * Wake-ups between processes: a small file beside the store whose only use is to be written to and watched.
 *
 * The -wal file would tell of every commit, this process's own included, so it is not watched. A watcher may be missing
 * (some mounts have none) or lose events, so while somebody listens SQLite's `data_version` is compared as well, which
 * tells of every commit by another connection. Neither is done while nobody listens.
 */
import { closeSync, type FSWatcher, openSync, watch, writeSync } from "node:fs";

const mark = Buffer.from(".");

export interface WakeFileOptions {
  readonly path: string;
  /** Whether to watch the file; without, only `hasChanged` is asked. */
  readonly watch: boolean;
  /** How often `hasChanged` is asked while somebody listens, in milliseconds. */
  readonly pollMs: number;
  /** True when another connection has committed since it was last asked. */
  readonly hasChanged: () => boolean;
  readonly onChange: () => void;
}

export class WakeFile {
  readonly #options: WakeFileOptions;
  #handle: number | null = null;
  #watcher: FSWatcher | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: WakeFileOptions) {
    this.#options = options;
  }

  /** Tell other processes. Failing to is harmless: they poll. */
  touch(): void {
    try {
      this.#handle ??= openSync(this.#options.path, "w");
      writeSync(this.#handle, mark, 0, 1, 0);
    } catch {
      this.#closeHandle();
    }
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#options.hasChanged();
    this.#timer = setInterval(() => this.#check(), this.#options.pollMs);
    this.#timer.unref();
    if (this.#options.watch) this.#watch();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#watcher?.close();
    this.#watcher = null;
  }

  close(): void {
    this.stop();
    this.#closeHandle();
  }

  #watch(): void {
    try {
      closeSync(openSync(this.#options.path, "a"));
      this.#watcher = watch(this.#options.path, { persistent: false }, () => this.#check());
      // A watcher that fails later leaves the polling.
      this.#watcher.on("error", () => this.#watcher?.close());
    } catch {
      this.#watcher = null;
    }
  }

  #check(): void {
    if (this.#timer !== null && this.#options.hasChanged()) this.#options.onChange();
  }

  #closeHandle(): void {
    if (this.#handle !== null) closeSync(this.#handle);
    this.#handle = null;
  }
}
