/**
 * The version of the tables, and how an older schema becomes a current one.
 *
 * All that is missing is applied in one transaction under an advisory lock of the schema's own, so that processes which
 * start together take turns, and the later ones find the work done. A schema that is current is only read, so a process
 * that may not create anything can open it.
 */
import { createHash } from "node:crypto";
import type { Database, Queries } from "./database.ts";
import { initial } from "./migrations/0001-initial.ts";
import { newerVersionError } from "./store-errors.ts";

export interface Migration {
  /** The version of the schema once it is applied; versions are dense from 1. */
  readonly version: number;
  /** Statements without parameters; `{schema}` stands for the quoted name of the schema. */
  readonly sql: string;
}

/** How long one process waits for another one that migrates, in milliseconds. */
const turnTimeoutMs = 60_000;

/** In ascending order. Never edit one that was released: append the next. */
export const migrations: readonly Migration[] = [initial];

/** Bring the schema to its current version. Throws `STORE_NEWER_VERSION` for one that a newer Perdure has migrated. */
export async function migrate(
  database: Database,
  schema: string,
  steps: readonly Migration[] = migrations,
): Promise<void> {
  const { location } = database;
  if ((await versionOf(database, location, schema, steps)) === steps.length) return;
  await database.transaction(async (queries) => {
    await queries.script(`SET LOCAL lock_timeout = ${turnTimeoutMs}`);
    await queries.read("SELECT pg_advisory_xact_lock($1::bigint)", [lockKey(schema)]);
    await queries.script(`CREATE SCHEMA IF NOT EXISTS ${schema};
CREATE TABLE IF NOT EXISTS ${schema}.migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL);`);
    const version = await versionOf(queries, location, schema, steps);
    for (const step of steps.slice(version)) {
      await queries.script(step.sql.replaceAll("{schema}", schema));
      await queries.write(`INSERT INTO ${schema}.migrations (version, applied_at) VALUES ($1, clock_timestamp())`, [
        step.version,
      ]);
    }
  });
}

async function versionOf(
  queries: Queries,
  location: string,
  schema: string,
  steps: readonly Migration[],
): Promise<number> {
  const [table] = await queries.read<{ readonly exists: boolean }>("SELECT to_regclass($1) IS NOT NULL AS exists", [
    `${schema}.migrations`,
  ]);
  if (table?.exists !== true) return 0;
  const [row] = await queries.read<{ readonly version: number | null }>(
    `SELECT max(version) AS version FROM ${schema}.migrations`,
    [],
  );
  const version = row?.version ?? 0;
  if (version > steps.length) throw newerVersionError(location, version, steps.length);
  return version;
}

/** Advisory locks are numbers, shared by all programs of a database: 64 bits of a hash keep ours apart. */
function lockKey(schema: string): string {
  return createHash("sha256").update(`perdure migrations of ${schema}`).digest().readBigInt64BE(0).toString();
}
