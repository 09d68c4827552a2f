/**
 * One open store: the connection, its tables, its caches, and the two ways to use them.
 *
 * `write` runs in a transaction that is shared with whatever else is ready, and answers after the commit; `read` runs at
 * once, on what was committed last. Both are the only ways in for the rooms of the world (`local-*.ts`).
 */
import { statSync } from "node:fs";
import type { AdmitContext, RunRecord } from "@perdure/world";
import { isEnded } from "@perdure/world";
import { BundleRows } from "./bundle-rows.ts";
import { ChangeSignals, type RunChange } from "./change-signals.ts";
import { closeAfterFailure, type OpenedFile, type OpenSettings, openError, openFile } from "./connection.ts";
import { EventRows } from "./event-rows.ts";
import { GroupCommit, type Write } from "./group-commit.ts";
import { HookTokens } from "./hook-tokens.ts";
import { JobRows } from "./job-rows.ts";
import { whileLocked } from "./lock-wait.ts";
import { RunCache } from "./run-cache.ts";
import { RunRows, type StoredRun, settledAmong } from "./run-rows.ts";
import type { DatabaseSync, StatementSync } from "./sqlite.ts";
import { closedError, fileSystemError, replacedError, toStoreError } from "./store-errors.ts";
import { StreamRows } from "./stream-rows.ts";
import { WakeFile } from "./wake-file.ts";
import { WorkerRows } from "./worker-rows.ts";

export interface StoreSettings extends OpenSettings {
  /** The store's clock: milliseconds since the epoch, an integer. */
  readonly now: () => number;
  readonly watch: boolean;
  readonly pollMs: number;
}

export type Announce = (change: RunChange) => void;

export class Store {
  readonly settings: StoreSettings;
  readonly db: DatabaseSync;
  readonly incarnation: string;
  readonly namespaceId: number;
  readonly runs: RunRows;
  readonly events: EventRows;
  readonly tokens: HookTokens;
  readonly jobs: JobRows;
  readonly bundles: BundleRows;
  readonly workers: WorkerRows;
  readonly streams: StreamRows;
  readonly cache: RunCache;
  readonly signals = new ChangeSignals();
  readonly #commits: GroupCommit<RunChange>;
  readonly #wakeFile: WakeFile;
  readonly #dataVersion: StatementSync;
  /** Ids of the workers that run in this process; their changes need not be told to other processes. */
  readonly #ownWorkers = new Set<string>();
  readonly #onClose = new Set<(reason: Error) => void>();
  readonly #identity: string;
  #isReplaced = false;
  #writerVersion = -1;
  #watcherVersion = -1;
  #isClosed = false;

  private constructor(settings: StoreSettings, { db, incarnation, namespaceId }: OpenedFile) {
    this.settings = settings;
    this.db = db;
    this.incarnation = incarnation;
    this.namespaceId = namespaceId;
    this.runs = new RunRows(db, settings.namespace, namespaceId);
    this.events = new EventRows(db);
    this.tokens = new HookTokens(db, namespaceId, this.runs, this.events);
    this.jobs = new JobRows(db, namespaceId);
    this.bundles = new BundleRows(db, namespaceId);
    this.workers = new WorkerRows(db, namespaceId);
    this.streams = new StreamRows(db);
    this.cache = new RunCache(this.runs, this.events);
    this.#dataVersion = db.prepare("PRAGMA data_version");
    this.#identity = identityOf(settings.file);
    this.#commits = new GroupCommit(db, settings.file, settings.lockWaitMs, {
      begun: () => {
        this.#assertSameFile();
        this.#noticeOthers();
      },
      rolledBack: () => this.cache.clear(),
      committed: (changes) => this.#tell(changes),
    });
    this.#wakeFile = new WakeFile({
      path: `${settings.file}.wake`,
      watch: settings.watch,
      pollMs: settings.pollMs,
      hasChanged: () => this.#hasChangedElsewhere(),
      onChange: () => this.#tellOfOthers(),
    });
  }

  static async open(settings: StoreSettings): Promise<Store> {
    const opened = await openFile(settings);
    try {
      return new Store(settings, opened);
    } catch (error) {
      closeAfterFailure(opened.db);
      throw openError(error, settings.file);
    }
  }

  /** The store's clock, if the store is open. */
  now(): number {
    this.assertOpen();
    return this.settings.now();
  }

  assertOpen(): void {
    if (this.#isClosed) throw closedError(this.settings.file);
  }

  /** Resolves with the answer of `write` once it is durable. */
  write<T>(write: Write<T, RunChange>): Promise<T> {
    return this.#commits.submit(write);
  }

  /** The answer of `attempt`, which only reads. */
  async read<T>(attempt: () => T): Promise<T> {
    return whileLocked(this.settings.file, this.settings.lockWaitMs, () => {
      this.assertOpen();
      this.#commits.assertReadable();
      return attempt();
    });
  }

  /** What the rules of the log ask of the store, at this moment. */
  context(): AdmitContext {
    return {
      storeNow: this.settings.now(),
      tokenOwner: (tokenHash) => this.tokens.find(tokenHash)?.runId ?? null,
    };
  }

  /** Write a changed row that no event goes with. */
  replaceRun({ rid, run: before }: StoredRun, run: RunRecord): void {
    if (before === run) return;
    this.runs.update(rid, before, run);
    this.cache.replace({ rid, run });
  }

  /** A run's row as it is in the file, for readers; the remembered one if nobody else has written since. */
  row(runId: string): RunRecord | null {
    const known = this.#version() === this.#writerVersion ? this.cache.current(runId) : null;
    return known ?? this.runs.byId(runId)?.run ?? null;
  }

  addOwnWorker(workerId: string): void {
    this.#ownWorkers.add(workerId);
  }

  /** A worker of this process is gone; whatever it held is any worker's now. */
  removeOwnWorker(workerId: string): void {
    this.#ownWorkers.delete(workerId);
  }

  /** Watch for changes of other processes as long as anybody wants to know of changes. */
  watchIfNeeded(): void {
    if (this.signals.isWatched && !this.#isClosed) this.#wakeFile.start();
    else this.#wakeFile.stop();
  }

  /** Calls back when the store is closed, unless the returned function was called before. */
  onClose(callback: (reason: Error) => void): () => void {
    this.#onClose.add(callback);
    return () => this.#onClose.delete(callback);
  }

  /** Answers what was submitted, then closes the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wakeFile.close();
    for (const callback of [...this.#onClose]) callback(closedError(this.settings.file));
    await this.#commits.close();
    this.#wakeFile.close();
    try {
      this.db.close();
    } catch (error) {
      throw toStoreError(error, this.settings.file);
    }
  }

  /** Let a commit copy the log at this many pages of it. */
  checkpointAt(pages: number): void {
    try {
      this.db.exec(`PRAGMA wal_autocheckpoint = ${pages}`);
    } catch (error) {
      throw toStoreError(error, this.settings.file);
    }
  }

  /** L2: a file that was removed or replaced takes commits that nobody will find again. */
  #assertSameFile(): void {
    this.#isReplaced ||= identityOf(this.settings.file) !== this.#identity;
    if (this.#isReplaced) throw replacedError(this.settings.file);
  }

  #version(): number {
    const row = this.#dataVersion.get() as { readonly data_version: number };
    return row.data_version;
  }

  #noticeOthers(): void {
    const version = this.#version();
    if (version === this.#writerVersion) return;
    this.#writerVersion = version;
    this.cache.nextGeneration();
  }

  #hasChangedElsewhere(): boolean {
    try {
      const version = this.#version();
      const changed = version !== this.#watcherVersion;
      this.#watcherVersion = version;
      return changed;
    } catch {
      // Locked, or failing: whoever asks for runs next is told why. Here it is a hint only.
      return false;
    }
  }

  /** Another connection has written: it may have ended runs that are waited for here, or made others due. */
  #tellOfOthers(): void {
    const { awaited } = this.signals;
    try {
      const settled = awaited.length === 0 ? [] : this.runs.select(settledAmong, [JSON.stringify(awaited)]);
      for (const { run } of settled) this.signals.settled(run);
    } catch {
      // Locked, or failing: look again at the next poll.
      this.#watcherVersion = -1;
    }
    this.signals.changedAnything();
  }

  #tell(changes: readonly RunChange[]): void {
    if (changes.length === 0) return;
    const concernsOthers = ({ hint, owner, streamed }: RunChange): boolean =>
      streamed === true || (hint && (owner === null || !this.#ownWorkers.has(owner)));
    if (changes.some(concernsOthers)) this.#wakeFile.touch();
    this.signals.changed(changes);
  }
}

/** Device and number of the two files that a commit is found in; the -wal file is there as long as the store is open. */
function identityOf(file: string): string {
  try {
    return [file, `${file}-wal`]
      .map((path) => statSync(path, { throwIfNoEntry: false }))
      .map((stats) => (stats === undefined ? "none" : `${stats.dev}:${stats.ino}`))
      .join(" ");
  } catch (error) {
    throw fileSystemError(file, error);
  }
}

/** True for a run that nothing more is to be waited for: it has ended, or is parked. */
export const isSettled = (run: RunRecord): boolean => isEnded(run.status) || run.parked !== null;

/** What to announce of a run after a change. */
export function changeOf(run: RunRecord, hint: boolean, owner: string | null = run.owner): RunChange {
  return { runId: run.runId, settled: isSettled(run) ? run : null, hint, owner };
}
