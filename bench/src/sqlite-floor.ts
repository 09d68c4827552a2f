/**
 * The floor of the embedded world: SQLite alone, on a file in the same directory, with the pragmas that the world sets.
 *
 * The write-ahead log is moved into the main file off the clock, because the embedded world leaves that to a side thread
 * too; so the floor is the lower one of the two that could be taken.
 */
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { invariant } from "@perdure/errors";
import { type Floor, filled, rowsPerCommit } from "./floor.ts";

/** After so many rows the write-ahead log is moved into the main file. */
const checkpointRows = 2_000;

/** As in `packages/world-local/src/connection.ts`, with the checkpoints as they are while a worker runs. */
const pragmas = [
  "journal_mode = WAL",
  "synchronous = FULL",
  ...(process.platform === "darwin" ? ["fullfsync = ON", "checkpoint_fullfsync = ON"] : []),
  "journal_size_limit = 67108864",
  "wal_autocheckpoint = 8000",
  "cache_size = -16000",
];

export class SqliteFloor implements Floor {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #rowsInLog = 0;

  constructor(directory: string) {
    this.#db = new DatabaseSync(join(directory, "floor.db"));
    for (const pragma of pragmas) this.#db.exec(`PRAGMA ${pragma}`);
    this.#db.exec("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
    this.#insert = this.#db.prepare("INSERT INTO rows (bytes) VALUES (?)");
    this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#db.prepare("COMMIT");
  }

  commits(count: number, bytes: number): number {
    const row = filled(bytes);
    const start = performance.now();
    for (let index = 0; index < count; index += 1) this.#insert.run(row);
    const ms = performance.now() - start;
    this.#written(count);
    return ms;
  }

  groupedCommits(count: number, bytes: number): number {
    const row = filled(bytes);
    const start = performance.now();
    for (let done = 0; done < count; ) {
      this.#begin.run();
      for (let index = 0; index < rowsPerCommit && done < count; index += 1, done += 1) this.#insert.run(row);
      this.#commit.run();
    }
    const ms = performance.now() - start;
    this.#written(count);
    return ms;
  }

  read(count: number, bytes: number): number {
    this.#db.exec("DELETE FROM rows");
    this.groupedCommits(count, bytes);
    const select = this.#db.prepare("SELECT id, bytes FROM rows ORDER BY id");
    const start = performance.now();
    const rows = select.all();
    const ms = performance.now() - start;
    invariant(rows.length === count, `The floor read ${rows.length} rows of ${count}.`);
    return ms;
  }

  close(): void {
    this.#db.close();
  }

  #written(rows: number): void {
    this.#rowsInLog += rows;
    if (this.#rowsInLog < checkpointRows) return;
    this.#rowsInLog = 0;
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
}
