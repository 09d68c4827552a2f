/**
 * The version of the file's tables, and how an older file becomes a current one.
 *
 * Each migration is one transaction that also raises the version, so a crash between or within migrations leaves a file
 * that the next start carries on from. Several processes may open an old file at once: the write lock orders them, and
 * each one reads the version again once it holds the lock.
 */
import { randomUUID } from "node:crypto";
import { initial } from "./migrations/0001-initial.ts";
import { sums } from "./migrations/0002-sums.ts";
import { streams } from "./migrations/0003-streams.ts";
import { jobs } from "./migrations/0004-jobs.ts";
import { jobsByRun } from "./migrations/0005-jobs-by-run.ts";
import { sumOf } from "./row-sum.ts";
import type { DatabaseSync } from "./sqlite.ts";
import { damagedFileError, foreignFileError, newerVersionError, sqlite, sqliteCode } from "./store-errors.ts";

export interface Migration {
  /** The version of the schema once it is applied; versions are dense from 1. */
  readonly version: number;
  readonly sql: string;
  /** What SQL alone cannot do, after `sql` and in its transaction. */
  readonly fill?: (db: DatabaseSync) => void;
}

/** In ascending order. Never edit one that was released: append the next. */
export const migrations: readonly Migration[] = [initial, sums, streams, jobs, jobsByRun];

/** The newest schema version that this code reads and writes. */
export const schemaVersion = migrations.length;

/** Marks the file as Perdure's (`Perd` in ASCII), in the header field that SQLite gives to applications. */
const applicationId = 0x50657264;

/**
 * Bring the file to the current schema. Throws `STORE_NEWER_VERSION` for a file from a newer Perdure and
 * `STORE_UNSUPPORTED` for another application's; throws SQLite's own error when a statement fails.
 */
export function migrate(db: DatabaseSync, file: string, steps: readonly Migration[] = migrations): void {
  const supported = steps.length;
  for (;;) {
    db.exec("BEGIN IMMEDIATE");
    try {
      const version = versionOf(db, file);
      if (version > supported) throw newerVersionError(file, version, supported);
      const next = steps[version];
      if (next === undefined) {
        db.exec("ROLLBACK");
        return;
      }
      db.exec(next.sql);
      if (version === 0) initialise(db);
      next.fill?.(db);
      if (next.version >= describedSince) storeDescriptionSum(db);
      db.exec(`PRAGMA user_version = ${next.version}`);
      db.exec("COMMIT");
    } catch (error) {
      rollBack(db);
      throw error;
    }
  }
}

/** The first version whose files hold a checksum of their tables' description. */
const describedSince = 2;

const descriptionKey = "schema_sum";

/**
 * True when the tables are described as they were made. SQLite reads the description anew at each opening, and one letter
 * in it can make a column another one, or empty.
 */
export function isDescribedAsMade(db: DatabaseSync, version: number): boolean {
  if (version < describedSince) return true;
  const row = db.prepare("SELECT value FROM meta WHERE key = ?").get(descriptionKey);
  return row?.["value"] === descriptionSum(db);
}

function storeDescriptionSum(db: DatabaseSync): void {
  const insert = db.prepare(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
  );
  insert.run(descriptionKey, descriptionSum(db));
}

/** Of this schema's tables and their indexes alone: what else is in the file, such as statistics, is not ours. */
function descriptionSum(db: DatabaseSync): string {
  const rows = db
    .prepare(
      `SELECT type, name, tbl_name, sql FROM sqlite_schema
       WHERE tbl_name IN ('meta', 'namespaces', 'runs', 'events', 'hook_tokens', 'bundles', 'workers',
         'streams', 'stream_writers', 'stream_chunks', 'step_jobs') ORDER BY name`,
    )
    .all();
  return String(sumOf([JSON.stringify(rows)]));
}

/**
 * Undo the open transaction. SQLite rolls back by itself on some failures and then knows of none, which is what was
 * wanted. Returns whether there is no transaction now.
 */
export function rollBack(db: DatabaseSync): boolean {
  try {
    db.exec("ROLLBACK");
    return true;
  } catch (error) {
    return sqliteCode(error) === sqlite.error;
  }
}

/** The version of the file's tables; 0 for a new file. Throws when the file is not Perdure's or cannot be. */
export function versionOf(db: DatabaseSync, file: string): number {
  const version = pragmaNumber(db, "user_version");
  const owner = pragmaNumber(db, "application_id");
  if (owner === applicationId) {
    if (version < 1) throw damagedFileError(file, "its schema has no version");
    return version;
  }
  const tables = db.prepare("SELECT count(*) AS count FROM sqlite_schema").get() as { readonly count: number };
  if (owner !== 0 || version !== 0 || tables.count > 0) throw foreignFileError(file);
  return 0;
}

function initialise(db: DatabaseSync): void {
  db.exec(`PRAGMA application_id = ${applicationId}`);
  const insert = db.prepare("INSERT INTO meta (key, value) VALUES (?, ?)");
  insert.run("incarnation", randomUUID());
  insert.run("created_at", String(Date.now()));
}

function pragmaNumber(db: DatabaseSync, name: string): number {
  const row = db.prepare(`PRAGMA ${name}`).get();
  return Number(Object.values(row ?? {})[0]);
}
