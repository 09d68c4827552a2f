/**
 * Notices that the store was put back to an earlier state while this process used it: by a backup that was restored, or by
 * a failover to a standby that lacked the last commits.
 *
 * G1 Only what cannot be in a store that keeps what it acknowledged is taken for it: a lower count of a worker's beats, a
 *    row of a run at a lower version, the mark of another process that has noticed. No clock is compared. A worker's row
 *    that is gone proves nothing by itself: somebody may have tidied up.
 * G2 What a row says is asked again before it counts, by a read that locks: a pooler may have sent the first one to a copy.
 * G3 Whoever notices leaves a mark in `meta`, so that every other process learns of it with its next beat or claim.
 * G4 From then on the workers of before are refused, and what is remembered is forgotten. Callers that hold nothing of the
 *    store go on.
 */
import { type StoreError, storeRestoredError } from "@perdure/errors";
import type { Database } from "./database.ts";
import type { Acknowledged, RunCache } from "./run-cache.ts";
import type { VersionedRun } from "./run-rows.ts";
import type { StoreSettings } from "./store.ts";
import { fromStoredText, toStoredText } from "./stored-text.ts";

/** So many runs, those that were used last, are compared when there is reason to. */
const comparedMax = 256;

/** The key of the mark in `meta`. Its value is a moment of the store's clock, a space, and an id. */
export const restoredKey = "restored";

/** When the mark was left, in milliseconds since the epoch. */
export const momentOfMark = (mark: string): number => Number(mark.split(" ")[0]);

/** What the store shows of a worker. */
export interface Shown {
  /** Null: nobody has left one. */
  readonly mark: string | null;
  /** Null: the worker has no row. */
  readonly beats: number | null;
}

/** What this process knows of one of its workers. */
interface KnownWorker {
  readonly generation: number;
  /** The count of beats that was acknowledged last, shared with the thread that beats. */
  readonly beats: Int32Array;
  /** Whoever has not, holds nothing of the store yet. */
  hasBeaten: boolean;
}

export class Restoration {
  readonly #database: Database;
  readonly #settings: StoreSettings;
  readonly #cache: RunCache;
  readonly #workers = new Map<string, KnownWorker>();
  readonly #onNoticed = new Set<() => void>();
  readonly #sql: { readonly mark: string; readonly shown: string; readonly versions: string };
  #mark: string | null;
  #generation = 0;
  #evidence = "";
  #isConnectionLost = false;
  /** While the mark is being left. */
  #noticing: Promise<void> | null = null;

  constructor(database: Database, settings: StoreSettings, cache: RunCache, mark: string | null) {
    const { schema } = settings;
    this.#database = database;
    this.#settings = settings;
    this.#cache = cache;
    this.#mark = mark;
    this.#sql = {
      // Of several that notice the same, the first one leaves its mark.
      mark: `INSERT INTO ${schema}.meta AS m (key, value)
SELECT '${restoredKey}', ${schema}.store_now()::text || ' ' || gen_random_uuid()::text
ON CONFLICT (key) DO UPDATE SET value = CASE WHEN m.value = $1::text THEN excluded.value ELSE m.value END RETURNING value`,
      shown: `SELECT (SELECT value FROM ${schema}.meta WHERE key = '${restoredKey}') AS mark,
  (SELECT beats FROM ${schema}.workers WHERE namespace = $1 AND id = $2) AS beats`,
      versions: `SELECT r.run_id, r.version, r.created_at FROM ${schema}.runs r
WHERE r.namespace = $1 AND r.run_id = ANY ($2::text[]) FOR KEY SHARE`,
    };
  }

  /** The mark that was left last, as this process knows it. */
  get mark(): string | null {
    return this.#mark;
  }

  /** Counts how often it was noticed here. What was begun before is worthless afterwards. */
  get generation(): number {
    return this.#generation;
  }

  /** Calls back when everything that is remembered of the store is to be forgotten. */
  onNoticed(callback: () => void): void {
    this.#onNoticed.add(callback);
  }

  /** The next claim compares first: the server may be another one. */
  connectionLost(): void {
    this.#isConnectionLost = true;
  }

  /** The counter of a worker, made when it is first asked for. Throws for a worker of before. */
  beatsOf(workerId: string): Int32Array {
    const known = this.#workers.get(workerId);
    if (known === undefined) {
      const beats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
      this.#workers.set(workerId, { generation: this.#generation, beats, hasBeaten: false });
      return beats;
    }
    this.assertCurrent(known.generation);
    return known.beats;
  }

  /** The store has taken so many beats of a worker. */
  acknowledge(workerId: string, beats: number): void {
    const known = this.#workers.get(workerId);
    if (known === undefined) return;
    known.hasBeaten = true;
    if (beats > Atomics.load(known.beats, 0)) Atomics.store(known.beats, 0, beats);
  }

  forget(workerId: string): void {
    this.#workers.delete(workerId);
  }

  /** Throws when the store was put back since `generation`. */
  assertCurrent(generation: number): void {
    if (generation !== this.#generation) throw this.#error();
  }

  /** What the store shows of a worker, asked for alone. */
  async shown(workerId: string): Promise<Shown> {
    const values = [toStoredText(this.#settings.namespace), toStoredText(workerId)];
    const [shown] = await this.#database.read<Shown>(this.#sql.shown, values);
    return shown ?? { mark: null, beats: null };
  }

  /** Compares what the store shows with the count that had been acknowledged before it was asked. */
  async compareWorker(workerId: string, acknowledged: number, { mark, beats }: Shown): Promise<void> {
    const own = this.beatsOf(workerId);
    if (this.#noticing !== null) await this.#noticing;
    else if (mark !== this.#mark) this.#learn(mark, "another process has noticed it");
    else if (beats !== null && beats < acknowledged) {
      await this.#noticed(`it holds ${beats} heartbeats of a worker, of ${acknowledged} that it had acknowledged`);
    } else if (beats === null && acknowledged > 0) {
      const missing = await this.#firstOlder(this.#cache.acknowledgedLast(comparedMax), "or missing");
      if (missing !== null) await this.#noticed(missing);
      else Atomics.store(own, 0, 0);
    }
    if (this.#workers.get(workerId)?.hasBeaten === false) this.#workers.delete(workerId);
    this.beatsOf(workerId);
  }

  /** After a lost connection: the runs that were used last are as far as had been acknowledged, or it is noticed. */
  async compareAfterLoss(): Promise<void> {
    if (!this.#isConnectionLost) return;
    const generation = this.#generation;
    const older = await this.#firstOlder(this.#cache.acknowledgedLast(comparedMax), "older");
    this.#isConnectionLost = false;
    if (older !== null && generation === this.#generation) await this.#noticed(older);
  }

  /**
   * Compares a row that was read with what had been acknowledged before it was asked for. `isLocked`: nobody else can change
   * it, so it is as it is.
   */
  async compareRow(
    { run, version }: VersionedRun,
    acknowledged: Acknowledged | null,
    { isLocked }: { readonly isLocked: boolean },
  ): Promise<void> {
    if (acknowledged === null || !isOlder({ version, createdAt: run.createdAt }, acknowledged)) return;
    const generation = this.#generation;
    const older = isLocked ? olderText(acknowledged, version) : await this.#firstOlder([acknowledged], "older");
    if (older !== null && generation === this.#generation) await this.#noticed(older);
  }

  async #firstOlder(runs: readonly Acknowledged[], which: "older" | "or missing"): Promise<string | null> {
    if (runs.length === 0) return null;
    const values = [toStoredText(this.#settings.namespace), runs.map(({ runId }) => toStoredText(runId))];
    const rows = await this.#database.read<VersionRow>(this.#sql.versions, values);
    const found = new Map(rows.map((row) => [fromStoredText(row.run_id), row]));
    for (const run of runs) {
      const row = found.get(run.runId);
      if (row === undefined && which === "or missing" && run.isLive) return `it does not hold run ${run.runId}`;
      if (row !== undefined && isOlder({ version: row.version, createdAt: row.created_at }, run)) {
        return olderText(run, row.version);
      }
    }
    return null;
  }

  async #noticed(evidence: string): Promise<void> {
    this.#noticing ??= this.#leaveMark(evidence);
    await this.#noticing;
  }

  /** A mark that cannot be left is left by the next process that notices. */
  async #leaveMark(evidence: string): Promise<void> {
    const rows = this.#database.write<{ readonly value: string }>(this.#sql.mark, [this.#mark]);
    const [row] = await rows.catch(() => []);
    this.#noticing = null;
    this.#learn(row?.value ?? this.#mark, evidence);
  }

  #learn(mark: string | null, evidence: string): void {
    this.#mark = mark;
    this.#evidence = evidence;
    this.#generation += 1;
    for (const forget of this.#onNoticed) forget();
  }

  #error(): StoreError {
    return storeRestoredError(`The store ${this.#settings.location}`, this.#evidence);
  }
}

interface VersionRow {
  readonly run_id: string;
  readonly version: number;
  readonly created_at: number;
}

const isOlder = (row: { readonly version: number; readonly createdAt: number }, known: Acknowledged): boolean =>
  row.createdAt === known.createdAt && row.version < known.version;

const olderText = ({ runId, version }: Acknowledged, found: number): string =>
  `it holds ${found} changes of run ${runId}, of ${version} that it had acknowledged`;
