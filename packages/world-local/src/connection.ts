/**
 * Opening the file, and what its pragmas promise.
 *
 * Power safety: the journal is a write-ahead log and `synchronous` is FULL, so COMMIT returns only after the frames of
 * the transaction are flushed to the disk (`fsync` of the -wal file; on macOS `fullfsync`, because its plain `fsync`
 * leaves data in the drive's cache). A checkpoint flushes the main file before the log is used again. SQLite flushes the
 * directory when it makes the -wal file; the directories that were made for the store, and the one that holds the main
 * file, are flushed here after creation. So whatever was acknowledged survives a kill, a crash of the system and a power
 * cut, on a disk that honours a flush. A file on a network file system has no such promise.
 *
 * Owns: the path, the pragmas, the version check, creation. Does not own: statements.
 */
import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "@perdure/errors";
import { whileLocked } from "./lock-wait.ts";
import { networkFileSystem } from "./network-file-system.ts";
import { migrate } from "./schema.ts";
import { type DatabaseSync, loadSqlite } from "./sqlite.ts";
import { fileSystemError, networkError, noWalError, sqlite, sqliteCode, toStoreError } from "./store-errors.ts";

/**
 * Pages of 4 KiB in the log at which a commit copies them into the main file itself. It is SQLite's default. A larger
 * bound is not faster: until the -wal file has grown to it, each commit also pays for a longer file (280 us instead of
 * 165 us here), afterwards the same blocks are written over.
 */
const checkpointPages = 1_000;

/** The bound while a side thread checkpoints from half a bound on, so that a commit finds little left to copy. */
export const checkpointPagesWithThread = 2_000;

/** The -wal file is cut to this size when it is started anew, so that one burst does not keep the disk for ever. */
const walBytesKept = 64 * 1024 * 1024;

export interface OpenedFile {
  readonly db: DatabaseSync;
  readonly incarnation: string;
  readonly namespaceId: number;
}

/** Opens or creates the file, and brings it to the current schema. Rejects with a `StoreError`. */
export async function openFile(file: string, namespace: string, lockWaitMs: number): Promise<OpenedFile> {
  const created = prepareDirectory(file);
  refuseNetwork(file);
  const db = openConnection(file);
  try {
    await whileLocked(file, lockWaitMs, () => setUp(db, file));
    const namespaceId = await whileLocked(file, lockWaitMs, () => enterNamespace(db, namespace));
    const incarnation = await whileLocked(file, lockWaitMs, () => readIncarnation(db));
    for (const directory of created) flushDirectory(file, directory);
    return { db, incarnation, namespaceId };
  } catch (error) {
    db.close();
    throw StoreError.is(error) ? error : openError(error, file);
  }
}

/** Makes the file's directory; the directories to flush once the file exists, none when it existed before. */
function prepareDirectory(file: string): readonly string[] {
  const directory = dirname(file);
  try {
    if (statSync(file, { throwIfNoEntry: false }) !== undefined) return [];
    const first = mkdirSync(directory, { recursive: true });
    return first === undefined ? [directory] : directoriesBetween(dirname(first), directory);
  } catch (error) {
    throw fileSystemError(file, error);
  }
}

function refuseNetwork(file: string): void {
  let type: number;
  try {
    type = statfsSync(dirname(file)).type;
  } catch (error) {
    throw fileSystemError(file, error);
  }
  const name = networkFileSystem(type);
  if (name !== null) throw networkError(file, name);
}

/** Both ends included. */
function directoriesBetween(top: string, bottom: string): readonly string[] {
  const directories = [bottom];
  for (let next = bottom; next !== top && next !== dirname(next); ) {
    next = dirname(next);
    directories.push(next);
  }
  return directories;
}

function flushDirectory(file: string, directory: string): void {
  // Windows cannot open a directory; NTFS journals its entries.
  if (process.platform === "win32") return;
  try {
    const handle = openSync(directory, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw fileSystemError(file, error);
  }
}

function openConnection(file: string): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  try {
    return new DatabaseSync(file);
  } catch (error) {
    throw openError(error, file);
  }
}

/** SQLite says only that it cannot open; the usual reason is a directory that this user may not write. */
function openError(error: unknown, file: string): unknown {
  if (sqliteCode(error) === sqlite.cannotOpen) {
    try {
      accessSync(dirname(file), constants.W_OK);
    } catch (reason) {
      return fileSystemError(file, reason);
    }
  }
  return toStoreError(error, file);
}

function setUp(db: DatabaseSync, file: string): void {
  db.exec("PRAGMA busy_timeout = 0");
  const mode = db.prepare("PRAGMA journal_mode = WAL").get() as { readonly journal_mode: string };
  if (mode.journal_mode !== "wal") throw noWalError(file, mode.journal_mode);
  db.exec("PRAGMA synchronous = FULL");
  if (process.platform === "darwin") db.exec("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON");
  db.exec(`PRAGMA journal_size_limit = ${walBytesKept}; PRAGMA wal_autocheckpoint = ${checkpointPages}`);
  // 16 MB of pages. Memory mapping and pages of 2 or 8 KiB changed the cost of a commit by less than 2 %: defaults stay.
  db.exec("PRAGMA cache_size = -16000");
  migrate(db, file);
}

function enterNamespace(db: DatabaseSync, namespace: string): number {
  const find = db.prepare("SELECT namespace_id FROM namespaces WHERE name = ?");
  const known = find.get(namespace);
  if (known === undefined) db.prepare("INSERT INTO namespaces (name) VALUES (?) ON CONFLICT DO NOTHING").run(namespace);
  const row = (known ?? find.get(namespace)) as { readonly namespace_id: number };
  return row.namespace_id;
}

function readIncarnation(db: DatabaseSync): string {
  const row = db.prepare("SELECT value FROM meta WHERE key = 'incarnation'").get() as { readonly value: string };
  return row.value;
}
