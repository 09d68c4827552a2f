/** Deletes what was kept for long enough while a process works: every minute, by one process at a time. */
import { StoreError, type StoreFailure } from "@perdure/errors";
import { BundleCollection } from "./bundle-collection.ts";
import type { Database } from "./database.ts";
import { Purge } from "./purge.ts";
import type { StoreSettings } from "./store.ts";

const everyMs = 60_000;

/** What passes by itself. */
const passing: ReadonlySet<string> = new Set<StoreFailure>(["STORE_UNAVAILABLE", "STORE_LOCKED", "STORE_CLOSED"]);

/** Bundles are looked after in one pass of so many. */
const passesPerCollection = 60;

export class BackgroundPurge {
  readonly #settings: StoreSettings;
  readonly #purge: Purge;
  readonly #bundles: BundleCollection;
  #timer: NodeJS.Timeout | null = null;
  #pass: Promise<void> | null = null;
  #passes = 0;
  #hasWarned = false;

  constructor(database: Database, settings: StoreSettings) {
    const { schema, namespace } = settings;
    this.#settings = settings;
    this.#purge = new Purge(database, schema, namespace);
    this.#bundles = new BundleCollection(database, schema, namespace);
  }

  /** The first pass is at once. Does nothing where runs are kept for ever. */
  start(): void {
    if (this.#timer !== null || this.#settings.retention.size === 0) return;
    this.#timer = setInterval(() => this.#begin(), everyMs).unref();
    this.#begin();
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#purge.stop();
    await this.#pass;
  }

  #begin(): void {
    this.#pass ??= this.#once()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#pass = null;
      });
  }

  async #once(): Promise<void> {
    const parts = [...this.#settings.retention].map(([status, olderThanMs]) => ({ status, olderThanMs }));
    await this.#purge.run(parts, "background");
    if (this.#passes % passesPerCollection === 0) await this.#bundles.run("background");
    this.#passes += 1;
  }

  /** What stays wrong, such as a missing privilege, is said once. */
  #failed(error: unknown): void {
    if (this.#hasWarned || (StoreError.is(error) && passing.has(error.code))) return;
    this.#hasWarned = true;
    const text = error instanceof Error ? error.message : "a value that is no error was thrown";
    process.emitWarning(`Old runs are not deleted: ${text}`, { type: "PerdureWarning" });
  }
}
