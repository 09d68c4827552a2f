/** The table in the program's own database that remembers what steps have committed there. */
import { setTimeout as pause } from "node:timers/promises";
import { InvalidArgumentError, StoreError } from "@perdure/errors";
import { parseAge, type TransactionClient } from "@perdure/world";

/** Which table it is. */
export interface OnceTableOptions {
  /**
   * The name of the table, with its schema if that is not in the connection's search path: `billing.perdure_once`.
   * Default: `perdure_once`.
   */
  readonly table?: string;
}

/** What {@link purgeOnce} deletes. */
export interface PurgeOnceOptions extends OnceTableOptions {
  /** How old a row has to be: a whole number of `s`, `m`, `h`, `d` or `w`, such as `"90d"`. */
  readonly olderThan: string;
}

const defaultTable = "perdure_once";
const tablePattern = /^(?:([A-Za-z_][\w$]{0,62})\.)?([A-Za-z_][\w$]{0,46})$/;

/** The parts of the name as they stand in a statement: names are folded to lower case as PostgreSQL folds them. */
function partsOf(options: OnceTableOptions): { readonly prefix: string; readonly name: string } {
  const { table = defaultTable } = options;
  const [, schema, name] = tablePattern.exec(table) ?? [];
  if (name === undefined) {
    throw new InvalidArgumentError(
      '"table"',
      "the name of a table, with or without its schema",
      JSON.stringify(table),
      {
        hint: "Letters, digits, `_` and `$`, at most 47 of them: `perdure_once` or `billing.perdure_once`.",
      },
    );
  }
  return { prefix: schema === undefined ? "" : `"${schema.toLowerCase()}".`, name: name.toLowerCase() };
}

/** The table as it stands in a statement. */
export function tableIn(options: OnceTableOptions): string {
  const { prefix, name } = partsOf(options);
  return `${prefix}"${name}"`;
}

/**
 * The SQL that makes the table, for a migration of the program's own. It may be run again. Who calls `once` needs SELECT,
 * INSERT and UPDATE on the table, who calls `purgeOnce` also DELETE.
 */
export function onceTableSql(options: OnceTableOptions = {}): string {
  const { prefix, name } = partsOf(options);
  const table = `${prefix}"${name}"`;
  return `CREATE TABLE IF NOT EXISTS ${table} (
  run_id text COLLATE "C" NOT NULL,
  step_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  input_digest text NOT NULL,
  result bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, step_id, name)
);
CREATE INDEX IF NOT EXISTS "${name}_created_at" ON ${table} (created_at);
`;
}

/** The number of the lock that those hold who make the table: two who make it at once would fail. */
const tableLock = "5783207944110";

/** Makes the table and its index where they are missing. Needs CREATE on the schema. Any number may call it at once. */
export async function createOnceTable(client: TransactionClient, options: OnceTableOptions = {}): Promise<void> {
  // Several statements that are sent as one text are one transaction, which keeps the lock to its end.
  await client.query(`SELECT pg_advisory_xact_lock(${tableLock});\n${onceTableSql(options)}`);
}

const rowsPerBatch = 1_000;
const pauseMs = 50;

/**
 * Deletes the rows that are older than `olderThan`, in small batches with pauses between them, and resolves to how many there
 * were. A step that is started again after its row was deleted has its effect a second time: keep rows for longer than any
 * run of yours takes, the time that it is parked included. Rows in use are passed over.
 */
export async function purgeOnce(client: TransactionClient, options: PurgeOnceOptions): Promise<number> {
  const table = tableIn(options);
  const ageMs = parseAge(options.olderThan);
  if (ageMs === null) {
    throw new InvalidArgumentError('purgeOnce(): "olderThan"', "an age", JSON.stringify(options.olderThan), {
      hint: "A whole number of s, m, h, d or w, such as 90d.",
    });
  }
  const batch = `WITH deleted AS (
DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
SELECT ctid FROM ${table} WHERE created_at < now() - interval '${ageMs / 1_000} seconds'
ORDER BY created_at LIMIT ${rowsPerBatch} FOR UPDATE SKIP LOCKED)) RETURNING 1
) SELECT count(*)::text AS count FROM deleted`;
  for (let total = 0; ; await pause(pauseMs)) {
    const { rows } = await client.query(batch);
    const [row] = rows as readonly { readonly count: string }[];
    const count = Number(row?.count ?? 0);
    total += count;
    if (count < rowsPerBatch) return total;
  }
}

/** The table is not there, or the connection's search path does not lead to it. */
export function tableMissingError(options: OnceTableOptions): StoreError {
  return new StoreError("STORE_NOT_MIGRATED", `The database has no table ${tableIn(options)}.`, {
    hint: `Make it with \`createOnceTable(pool)\`, or in a migration of your own:\n${onceTableSql(options)}`,
  });
}
