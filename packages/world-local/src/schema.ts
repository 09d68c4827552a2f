/**
 * The version of the file's tables, and how an older file becomes a current one.
 *
 * Each migration is one transaction that also raises the version, so a crash between or within migrations leaves a file
 * that the next start carries on from. Several processes may open an old file at once: the write lock orders them, and
 * each one reads the version again once it holds the lock.
 */
import { randomUUID } from "node:crypto";
import { initial } from "./migrations/0001-initial.ts";
import type { DatabaseSync } from "./sqlite.ts";
import { foreignFileError, newerVersionError } from "./store-errors.ts";

export interface Migration {
  /** The version of the schema once it is applied; versions are dense from 1. */
  readonly version: number;
  readonly sql: string;
}

/** In ascending order. Never edit one that was released: append the next. */
export const migrations: readonly Migration[] = [initial];

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
      db.exec(`PRAGMA user_version = ${next.version}`);
      db.exec("COMMIT");
    } catch (error) {
      rollBack(db);
      throw error;
    }
  }
}

/** Undo the open transaction, if SQLite has not done so by itself because of the failure. */
export function rollBack(db: DatabaseSync): void {
  try {
    db.exec("ROLLBACK");
  } catch {
    // SQLite rolls back by itself on some failures; then there is no transaction, which is what was wanted.
  }
}

function versionOf(db: DatabaseSync, file: string): number {
  const version = pragmaNumber(db, "user_version");
  const owner = pragmaNumber(db, "application_id");
  if (owner === applicationId) return version;
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
