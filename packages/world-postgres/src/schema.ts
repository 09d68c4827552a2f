/**
 * The version of the tables, and how an older schema becomes a current one.
 *
 * Each version is one transaction, and its indexes on tables that are in use are built after it, outside of any. Before
 * every step the schema is looked at again under a lock of its own, so processes that start together take turns, one that
 * was killed anywhere is gone on from, and what is done is not done twice. The lock belongs to a transaction: it also
 * works through a pooler. It is tried and not waited for, since building an index waits for every statement that waits.
 *
 * A transaction that does not get its tables' locks soon gives up its place and tries again, so that it holds up nobody who
 * comes after it for longer than that.
 */
import { createHash } from "node:crypto";
import { StoreError } from "@perdure/errors";
import type { Database, Queries, TransactionQueries } from "./database.ts";
import { initial } from "./migrations/0001-initial.ts";
import { lockedSchemaError, newerVersionError, notMigratedError } from "./store-errors.ts";

export interface Migration {
  /** The version of the schema once it is applied; versions are dense from 1. */
  readonly version: number;
  /** The oldest version of Perdure, by the newest version of the schema that it knows, that works with this one. */
  readonly compatibleFrom: number;
  /** Statements without parameters; `{schema}` stands for the quoted name of the schema. */
  readonly sql: string;
  /** Indexes that are built afterwards, while the tables are read and written. */
  readonly indexes?: readonly LateIndex[];
}

/** An index on a table that is in use. */
export interface LateIndex {
  readonly name: string;
  /** What stands after `CREATE INDEX CONCURRENTLY <name>`, such as `ON {schema}.runs (status)`. */
  readonly on: string;
}

/** What a version of Perdure knows of the schema. */
export interface SchemaSupport {
  /** In ascending order. */
  readonly migrations: readonly Migration[];
  /** The oldest version of the schema that it works with. */
  readonly oldest: number;
}

/** In ascending order. Never edit one that was released: append the next. */
export const migrations: readonly Migration[] = [initial];

/** What this version of Perdure works with. Raise `oldest` when a statement needs what only a later migration brings. */
export const supported: SchemaSupport = { migrations, oldest: 1 };

/** The schema as it is found. */
export interface SchemaState {
  /** The newest version that is complete; 0: there are no tables. */
  readonly version: number;
  /** The version whose indexes are still to be built; null: none. */
  readonly begun: number | null;
  /** What has to be known of the schema to work with it. */
  readonly compatibleFrom: number;
}

/** How long a process waits for another one that migrates, or for a table's lock, in milliseconds. */
const patienceMs = 60_000;
const lockTimeoutMs = 2_000;
const pauseMs = 100;

/**
 * A server process remembers which tables there are not. It hears of new ones when a transaction begins or a table is locked,
 * so a look that locks none could miss, in the middle of a transaction, what another process has committed meanwhile.
 */
const tableExists = "SELECT to_regclass($1) IS NOT NULL AS exists FROM pg_catalog.pg_class LIMIT 1";

export async function schemaState(queries: Queries, schema: string): Promise<SchemaState> {
  const [table] = await queries.read<{ readonly exists: boolean }>(tableExists, [`${schema}.migrations`]);
  if (table?.exists !== true) return { version: 0, begun: null, compatibleFrom: 0 };
  const [row] = await queries.read<{ readonly [K in keyof SchemaState]: number | null }>(
    `SELECT max(version) FILTER (WHERE applied_at IS NOT NULL) AS version,
  max(version) FILTER (WHERE applied_at IS NULL) AS begun, max(compatible_from) AS "compatibleFrom" FROM ${schema}.migrations`,
    [],
  );
  return { version: row?.version ?? 0, begun: row?.begun ?? null, compatibleFrom: row?.compatibleFrom ?? 0 };
}

/**
 * Throws `STORE_NEWER_VERSION` for a schema that needs a newer Perdure, and `STORE_NOT_MIGRATED` for one that lacks what
 * this version needs. A schema that is newer but compatible is used as it is, and so is one that is old but good enough.
 */
export function assertUsable(state: SchemaState, location: string, { migrations: known, oldest }: SchemaSupport): void {
  const newest = known.length;
  const found = Math.max(state.version, state.begun ?? 0);
  if (found > newest && state.compatibleFrom > newest) throw newerVersionError(location, found, newest);
  if (state.version < oldest) throw notMigratedError(location, state.version, oldest);
}

/**
 * Brings the schema to its current version, and answers with the statements that it took. Needs two connections. Throws
 * `STORE_NEWER_VERSION` for a schema that this version of Perdure cannot work with.
 */
export async function migrate(
  database: Database,
  schema: string,
  support: SchemaSupport = supported,
): Promise<readonly string[]> {
  const done: string[] = [];
  for (;;) {
    const state = await schemaState(database, schema);
    if (nextStep(state, support) === null) {
      assertUsable(state, database.location, support);
      return done;
    }
    const statements = await inTurn(database, schema, async (queries) => {
      // Somebody else may have had a turn meanwhile.
      const step = nextStep(await schemaState(queries, schema), support);
      return step === null ? [] : takeStep(database, queries, schema, step);
    });
    done.push(...statements);
  }
}

/** What {@link migrate} would send to a schema in this state. Sent by hand, in this order, it does the same. */
export function plannedSql(state: SchemaState, schema: string, support: SchemaSupport = supported): string[] {
  const { migrations: known } = support;
  const begun = known.find(({ version }) => version === state.begun);
  const scripts = known.filter(({ version }) => version > Math.max(state.version, state.begun ?? 0));
  return [
    ...(begun === undefined ? [] : indexesSql(begun, schema)),
    ...scripts.flatMap((step) => [
      asTransaction(scriptSql(step, schema)),
      ...((step.indexes ?? []).length === 0 ? [] : indexesSql(step, schema)),
    ]),
  ];
}

type Step = { readonly kind: "script" | "indexes"; readonly migration: Migration };

function nextStep(state: SchemaState, { migrations: known }: SchemaSupport): Step | null {
  const begun = known.find(({ version }) => version === state.begun);
  if (begun !== undefined) return { kind: "indexes", migration: begun };
  const next = known.find(({ version }) => version > state.version);
  return next === undefined ? null : { kind: "script", migration: next };
}

async function takeStep(
  database: Database,
  queries: TransactionQueries,
  schema: string,
  { kind, migration }: Step,
): Promise<readonly string[]> {
  if (kind === "script") {
    const sql = scriptSql(migration, schema);
    await queries.script(sql);
    return [asTransaction(sql)];
  }
  // The statement before keeps its snapshot until the next one, and building an index waits for whoever has an old snapshot.
  // A statement without parameters leaves none.
  await queries.script("SELECT 1");
  for (const index of migration.indexes ?? []) await buildIndex(database, schema, index);
  await queries.script(completedSql(migration, schema));
  return indexesSql(migration, schema);
}

/** One that was interrupted is there and invalid, and is made anew. */
async function buildIndex(database: Database, schema: string, index: LateIndex): Promise<void> {
  const [found] = await database.read<{ readonly valid: boolean }>(
    "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)",
    [`${schema}."${index.name}"`],
  );
  if (found?.valid === true) return;
  await database.scripts([
    "SET statement_timeout = 0",
    `DROP INDEX CONCURRENTLY IF EXISTS ${schema}."${index.name}"`,
    indexSql(index, schema),
    "RESET statement_timeout",
  ]);
}

/** Runs `body` in a transaction once it is this process's turn, and again when a table stayed locked. */
async function inTurn<T>(
  database: Database,
  schema: string,
  body: (queries: TransactionQueries) => Promise<T>,
): Promise<T> {
  const patienceEnds = performance.now() + patienceMs;
  for (;;) {
    const result = await database
      .transaction(async (queries) => {
        await queries.script(`SET LOCAL lock_timeout = ${lockTimeoutMs};
SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`);
        const [lock] = await queries.read<{ readonly taken: boolean }>(
          "SELECT pg_try_advisory_xact_lock($1::bigint) AS taken",
          [advisoryKey("migrations", schema)],
        );
        return lock?.taken === true ? { value: await body(queries) } : null;
      })
      .catch((error: unknown) => {
        if (!StoreError.is(error) || error.code !== "STORE_LOCKED" || performance.now() >= patienceEnds) throw error;
        return null;
      });
    if (result !== null) return result.value;
    if (performance.now() >= patienceEnds) throw lockedSchemaError(database.location);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** A user that may not create schemas can still make the tables in one that it was given. */
const migrationsTable = (schema: string): string => `DO $$ BEGIN
  IF to_regnamespace('${schema}') IS NULL THEN CREATE SCHEMA ${schema}; END IF;
END $$;
CREATE TABLE IF NOT EXISTS ${schema}.migrations (
  version integer PRIMARY KEY, compatible_from integer NOT NULL, applied_at timestamptz
);
`;

/** The tables of a version, and the note of it; complete, unless indexes are to follow. */
function scriptSql({ version, compatibleFrom, sql, indexes = [] }: Migration, schema: string): string {
  const completed = indexes.length === 0 ? "clock_timestamp()" : "NULL";
  return `${version === 1 ? migrationsTable(schema) : ""}${sql.replaceAll("{schema}", schema).trim().replace(/;?$/, ";")}
INSERT INTO ${schema}.migrations (version, compatible_from, applied_at) VALUES (${version}, ${compatibleFrom}, ${completed});`;
}

const asTransaction = (sql: string): string => `BEGIN;\n${sql}\nCOMMIT;`;

const indexesSql = (migration: Migration, schema: string): readonly string[] => [
  ...(migration.indexes ?? []).map((index) => `${indexSql(index, schema)};`),
  completedSql(migration, schema),
];

const indexSql = ({ name, on }: LateIndex, schema: string): string =>
  `CREATE INDEX CONCURRENTLY "${name}" ${on.replaceAll("{schema}", schema)}`;

const completedSql = ({ version }: Migration, schema: string): string =>
  `UPDATE ${schema}.migrations SET applied_at = clock_timestamp() WHERE version = ${version};`;

/** Advisory locks are numbers, shared by all programs of a database: 64 bits of a hash keep ours apart. */
export function advisoryKey(purpose: "migrations" | "purge", schema: string): string {
  return createHash("sha256").update(`perdure ${purpose} of ${schema}`).digest().readBigInt64BE(0).toString();
}
