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
 * L7: a file that is damaged is refused. SQLite says so itself where a page cannot be read; that indexes and tables agree
 * is checked for a file of up to 64 MiB, in 2 ms a megabyte. Rows have checksums: see `row-sum.ts` and decision 0013.
 *
 * Owns: the path, the pragmas, the checks of the file, creation. Does not own: statements.
 */
import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { whileLocked } from "./lock-wait.ts";
import { networkFileSystem } from "./network-file-system.ts";
import { sumOf } from "./row-sum.ts";
import { isDescribedAsMade, migrate, schemaVersion, versionOf } from "./schema.ts";
import { type DatabaseSync, loadSqlite } from "./sqlite.ts";
import {
  damagedFileError,
  fileSystemError,
  networkError,
  noWalError,
  sqlite,
  sqliteCode,
  toStoreError,
} from "./store-errors.ts";

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

/** A larger file is not checked when it is opened, because the check reads all of it and keeps the event loop. */
const checkedBytesMax = 64 * 1024 * 1024;

/** How a connection to a file is made. */
type Connect = (file: string) => DatabaseSync;

export interface OpenedFile {
  readonly db: DatabaseSync;
  readonly incarnation: string;
  readonly namespaceId: number;
}

/** What is opened, and how. */
export interface OpenSettings {
  /** Absolute path of the database file. */
  readonly file: string;
  readonly namespace: string;
  readonly lockWaitMs: number;
  /** Default: `node:sqlite`. */
  readonly connect?: Connect;
}

/** Opens or creates the file, and brings it to the current schema. Rejects with a `StoreError`. */
export async function openFile(settings: OpenSettings): Promise<OpenedFile> {
  const { file, namespace, lockWaitMs, connect = connectToFile } = settings;
  const created = prepareDirectory(file);
  refuseNetwork(file);
  refuseEmptied(file);
  const db = openConnection(file, connect);
  try {
    await whileLocked(file, lockWaitMs, () => setUp(db, file));
    const namespaceId = await whileLocked(file, lockWaitMs, () => enterNamespace(db, namespace));
    const incarnation = await whileLocked(file, lockWaitMs, () => readIncarnation(db, file));
    for (const directory of created) flushDirectory(file, directory);
    return { db, incarnation, namespaceId };
  } catch (error) {
    closeAfterFailure(db);
    throw openError(error, file);
  }
}

/** The failure before is the one to tell. */
export function closeAfterFailure(db: DatabaseSync): void {
  try {
    db.close();
  } catch {
    // The connection is of no use any more, and the process's end closes the file.
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

/** SQLite takes a file of up to one byte for a new one and removes its log, which here holds what is left of the store. */
function refuseEmptied(file: string): void {
  const [main, log] = [file, `${file}-wal`].map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  if (main !== undefined && main <= 1 && log !== undefined && log > 0) {
    throw damagedFileError(file, "the file is missing or empty, and its -wal file is not");
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

function connectToFile(file: string): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  return new DatabaseSync(file);
}

function openConnection(file: string, connect: Connect): DatabaseSync {
  try {
    return connect(file);
  } catch (error) {
    throw openError(error, file);
  }
}

/** SQLite says only that it cannot open; the usual reason is a directory that this user may not write. */
export function openError(error: unknown, file: string): unknown {
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
  db.exec("PRAGMA busy_timeout = 0; PRAGMA cell_size_check = ON");
  const mode = db.prepare("PRAGMA journal_mode = WAL").get() as { readonly journal_mode: string };
  if (mode.journal_mode !== "wal") throw noWalError(file, mode.journal_mode);
  db.exec("PRAGMA synchronous = FULL");
  if (process.platform === "darwin") db.exec("PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON");
  db.exec(`PRAGMA journal_size_limit = ${walBytesKept}; PRAGMA wal_autocheckpoint = ${checkpointPages}`);
  // 16 MB of pages. Memory mapping and pages of 2 or 8 KiB changed the cost of a commit by less than 2 %: defaults stay.
  db.exec("PRAGMA cache_size = -16000");
  checkFile(db, file);
  migrate(db, file);
}

/** Before anything is written: what is damaged must not be built upon. */
function checkFile(db: DatabaseSync, file: string): void {
  const version = versionOf(db, file);
  if (version === 0 || version > schemaVersion) return;
  if (!isDescribedAsMade(db, version)) throw damagedFileError(file, "its tables are not described as they were made");
  if (sizeOf(db) > checkedBytesMax) return;
  const { integrity_check: finding } = db.prepare("PRAGMA integrity_check(1)").get() ?? {};
  if (finding !== "ok") throw damagedFileError(file, `SQLite's check says "${String(finding).replaceAll("\n", " ")}"`);
}

function sizeOf(db: DatabaseSync): number {
  const pages = db.prepare("PRAGMA page_count").get() as { readonly page_count: number };
  const page = db.prepare("PRAGMA page_size").get() as { readonly page_size: number };
  return pages.page_count * page.page_size;
}

function enterNamespace(db: DatabaseSync, namespace: string): number {
  const find = db.prepare("SELECT namespace_id FROM namespaces WHERE name = ?");
  const known = find.get(namespace);
  if (known === undefined) db.prepare("INSERT INTO namespaces (name) VALUES (?) ON CONFLICT DO NOTHING").run(namespace);
  const row = (known ?? find.get(namespace)) as { readonly namespace_id: number };
  return row.namespace_id;
}

function readIncarnation(db: DatabaseSync, file: string): string {
  const find = db.prepare("SELECT value FROM meta WHERE key = ?");
  const [value, sum] = ["incarnation", "incarnation_sum"].map((key) => find.get(key)?.["value"]);
  if (typeof value === "string" && sum === String(sumOf([value]))) return value;
  throw damagedFileError(file, "the name of its incarnation does not match its checksum");
}
