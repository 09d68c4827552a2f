/** A copy of all rows of a store, and the way back to it: what a backup is, as far as the processes that use it can tell. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Client } from "pg";
import { withClient } from "./server.ts";
import { localBinaries } from "./server-binaries.ts";

/** The tables of the store, without those of migrations. */
async function tablesOf(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ readonly name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'perdure' AND tablename <> 'migrations' ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}

/** Copies the rows of the store as they are now. */
export async function backUp(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(
      "BEGIN ISOLATION LEVEL REPEATABLE READ; DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup",
    );
    for (const name of await tablesOf(client)) {
      await client.query(`CREATE TABLE backup.${name} AS SELECT * FROM perdure.${name}`);
    }
    await client.query("COMMIT");
  });
}

/** Puts the rows of {@link backUp} back, in one transaction. The server and its connections stay. */
export async function putBack(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("BEGIN");
    const names = await tablesOf(client);
    await client.query(`TRUNCATE ${names.map((name) => `perdure.${name}`).join(", ")}`);
    await client.query("SET LOCAL session_replication_role = replica");
    for (const name of names) await client.query(`INSERT INTO perdure.${name} SELECT * FROM backup.${name}`);
    await client.query("COMMIT");
  });
}

const binaries = process.env["PERDURE_TEST_POSTGRES"] === "embedded" ? null : localBinaries();

/** Why `pg_dump` and `pg_restore` cannot be used; null when they can. They have to be of the server's own version. */
export const archiverMissing: string | null = binaries === null ? "no pg_dump beside the server" : null;

const archive = async (program: string, args: readonly string[]): Promise<void> => {
  await promisify(execFile)(join(binaries ?? "", program), [...args]);
};

/** Copies the schema into a file by `pg_dump`. */
export const dump = (url: string, file: string): Promise<void> =>
  archive("pg_dump", ["--format=custom", "--schema=perdure", `--file=${file}`, url]);

/** Drops the schema and makes it anew from the file, by `pg_restore` in one transaction. */
export const restoreDump = (url: string, file: string): Promise<void> =>
  archive("pg_restore", ["--single-transaction", "--clean", "--if-exists", `--dbname=${url}`, file]);
