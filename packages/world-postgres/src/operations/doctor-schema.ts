/** What is in the schema, against what the migrations have put there; and how its tables fare. */
import type { DoctorFinding } from "@perdure/world";
import type { Database } from "../database.ts";
import { type Migration, migrations, schemaState } from "../schema.ts";
import { finding } from "./finding.ts";
import { readRestoredAt } from "./status.ts";

/** Below these numbers a share says nothing. */
const updatesMin = 1_000;
const deadRowsMin = 10_000;

/** So long a restored store is worth a warning, in milliseconds. */
const restoredRecentlyMs = 7 * 24 * 3_600_000;

export async function schemaFindings(database: Database, schema: string): Promise<readonly DoctorFinding[]> {
  const { version, begun } = await schemaState(database, schema);
  const newest = migrations.length;
  const isUnfinished = version < newest || begun !== null;
  const schemaFinding = finding(
    "schema",
    version === 0 ? "no tables" : `version ${version}${begun === null ? "" : `, and ${begun} was begun`}`,
    version === 0 ? "problem" : isUnfinished ? "warning" : null,
    "Run `perdure postgres migrate`.",
  );
  if (version === 0) return [schemaFinding];
  return [
    schemaFinding,
    await indexFinding(database, schema, version),
    await privilegeFinding(database, schema),
    await restorationFinding(database, schema),
    ...(await tableFindings(database, schema)),
  ];
}

/** Names of the indexes that a migration makes, those of primary keys among them. */
function indexesOf({ sql, indexes = [] }: Migration): readonly string[] {
  const tables = [...sql.matchAll(/^CREATE TABLE \{schema\}\.(\w+)/gm)].map(([, table]) => `${table}_pkey`);
  const named = [...sql.matchAll(/^CREATE (?:UNIQUE )?INDEX (\w+)/gm)].flatMap(([, name]) => name ?? []);
  return [...tables, ...named, ...indexes.map(({ name }) => name)];
}

async function indexFinding(database: Database, schema: string, version: number): Promise<DoctorFinding> {
  const rows = await database.read<{ readonly name: string; readonly valid: boolean }>(
    `SELECT c.relname::text AS name, i.indisvalid AND i.indisready AS valid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = to_regnamespace($1)::oid`,
    [schema],
  );
  const valid = new Set(rows.filter((row) => row.valid).map(({ name }) => name));
  const expected = migrations.filter((migration) => migration.version <= version).flatMap(indexesOf);
  const missing = expected.filter((name) => !valid.has(name));
  const invalid = rows.filter((row) => !row.valid && !missing.includes(row.name)).map(({ name }) => name);
  const wrong = [...missing, ...invalid];
  return finding(
    "indexes",
    wrong.length === 0 ? `${expected.length}, all valid` : `missing or invalid: ${wrong.join(", ")}`,
    wrong.length === 0 ? null : "problem",
    "REINDEX INDEX CONCURRENTLY mends an invalid one. A missing one is in what `perdure postgres migrate --dry-run` prints for an empty database.",
  );
}

async function privilegeFinding(database: Database, schema: string): Promise<DoctorFinding> {
  const rows = await database.read<{ readonly name: string }>(
    `SELECT c.relname::text AS name FROM pg_class c
WHERE c.relnamespace = to_regnamespace($1)::oid AND c.relkind IN ('r', 'p') AND c.relname <> 'migrations'
  AND NOT (has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
    AND has_table_privilege(c.oid, 'DELETE')) ORDER BY 1`,
    [schema],
  );
  const names = rows.map(({ name }) => name).join(", ");
  return finding(
    "privileges",
    names === "" ? "this user may read and write all tables" : `this user may not read and write: ${names}`,
    names === "" ? null : "problem",
    "GRANT SELECT, INSERT, UPDATE, DELETE on them to this user; docs/guides/postgres.md has the statements.",
  );
}

async function restorationFinding(database: Database, schema: string): Promise<DoctorFinding> {
  const at = await readRestoredAt(database, schema);
  const isRecent = at !== null && Date.now() - at < restoredRecentlyMs;
  return finding(
    "restored",
    at === null ? "never noticed" : `noticed ${new Date(at).toISOString()}`,
    isRecent ? "warning" : null,
    "The store was put back to an earlier state while workers used it: docs/errors/store-restored.md says what may be lost or have run twice.",
  );
}

interface TableRow {
  readonly name: string;
  readonly live: number;
  readonly dead: number;
  readonly updates: number;
  readonly hot: number;
  readonly vacuums: boolean;
}

async function tableFindings(database: Database, schema: string): Promise<readonly DoctorFinding[]> {
  const rows = await database.read<TableRow>(
    `SELECT s.relname::text AS name, s.n_live_tup AS live, s.n_dead_tup AS dead, s.n_tup_upd AS updates,
  s.n_tup_hot_upd AS hot, NOT coalesce('autovacuum_enabled=false' = ANY (c.reloptions), false) AS vacuums
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE c.relnamespace = to_regnamespace($1)::oid ORDER BY 1`,
    [schema],
  );
  const crowded = rows.filter(({ live, dead }) => dead > deadRowsMin && dead > live).map(({ name }) => name);
  const unkept = rows.filter(({ vacuums }) => !vacuums).map(({ name }) => name);
  const runs = rows.find(({ name }) => name === "runs");
  const updates = runs?.updates ?? 0;
  const hotShare = updates === 0 ? 1 : (runs?.hot ?? 0) / updates;
  return [
    finding(
      "dead rows",
      crowded.length === 0 ? "few" : `more than live ones in: ${crowded.join(", ")}`,
      crowded.length === 0 ? null : "warning",
      "Clean-up does not keep pace: lower autovacuum_vacuum_scale_factor of these tables, or look for old transactions.",
    ),
    finding(
      "autovacuum of the tables",
      unkept.length === 0 ? "on" : `off for: ${unkept.join(", ")}`,
      unkept.length === 0 ? null : "problem",
      "ALTER TABLE … RESET (autovacuum_enabled).",
    ),
    finding(
      "hot updates of runs",
      updates === 0 ? "no updates yet" : `${Math.round(hotShare * 100)} % of ${updates}`,
      updates >= updatesMin && hotShare < 0.3 ? "warning" : null,
      "Changes of runs touch every index. Drop indexes that were added to the table, and see that clean-up keeps pace.",
    ),
  ];
}
