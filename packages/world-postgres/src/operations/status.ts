/** The state of a store, read in a few statements. */
import type { RunStatus, StoreStatus, TableStatus, WorkerStatus } from "@perdure/world";
import type { Database } from "../database.ts";
import { momentOfMark, restoredKey } from "../restoration.ts";
import { unclaimed } from "../run-rows.ts";
import { schemaState } from "../schema.ts";
import type { StoreSettings } from "../store.ts";
import { fromStoredText, toStoredText } from "../stored-text.ts";

export async function readStatus(database: Database, settings: StoreSettings): Promise<StoreStatus> {
  const { schema, location, namespace } = settings;
  const key = toStoredText(namespace);
  const [server] = await database.read<{ readonly version: string }>(
    "SELECT 'PostgreSQL ' || current_setting('server_version') AS version",
    [],
  );
  const { version } = await schemaState(database, schema);
  return {
    location,
    namespace,
    server: server?.version ?? "",
    schemaVersion: version,
    restoredAt: await readRestoredAt(database, schema),
    runs: await countRuns(database, schema, key),
    parked: await countParked(database, schema, key),
    ...(await countWakeUps(database, schema, key)),
    workers: await readWorkers(database, schema, key),
    tables: await readTables(database, schema),
  };
}

/** When a process noticed that the store was put back to an earlier state; null: none ever has. */
export async function readRestoredAt(database: Database, schema: string): Promise<number | null> {
  const sql = `SELECT value FROM ${schema}.meta WHERE key = '${restoredKey}'`;
  const [row] = await database.read<{ readonly value: string }>(sql, []);
  return row === undefined ? null : momentOfMark(row.value);
}

async function countRuns(database: Database, schema: string, key: string): Promise<Record<RunStatus, number>> {
  const rows = await database.read<{ readonly status: RunStatus; readonly count: number }>(
    `SELECT status, count(*) AS count FROM ${schema}.runs WHERE namespace = $1 GROUP BY status`,
    [key],
  );
  const counts = { pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0 };
  for (const { status, count } of rows) counts[status] = count;
  return counts;
}

async function countParked(database: Database, schema: string, key: string): Promise<Record<string, number>> {
  const rows = await database.read<{ readonly reason: string; readonly count: number }>(
    `SELECT parked_reason AS reason, count(*) AS count FROM ${schema}.runs
WHERE namespace = $1 AND parked_reason IS NOT NULL GROUP BY parked_reason ORDER BY parked_reason`,
    [key],
  );
  return Object.fromEntries(rows.map(({ reason, count }) => [fromStoredText(reason), count]));
}

type WakeUps = Pick<StoreStatus, "due" | "oldestDueMs" | "scheduled">;

async function countWakeUps(database: Database, schema: string, key: string): Promise<WakeUps> {
  const [row] = await database.read<WakeUps>(
    `WITH clock AS MATERIALIZED (SELECT ${schema}.store_now() AS now)
SELECT count(*) FILTER (WHERE r.wake_at <= clock.now) AS due,
  max(clock.now - r.wake_at) FILTER (WHERE r.wake_at <= clock.now) AS "oldestDueMs",
  count(*) FILTER (WHERE r.wake_at > clock.now) AS scheduled
FROM ${schema}.runs r, clock WHERE r.namespace = $1 AND ${unclaimed}`,
    [key],
  );
  return row ?? { due: 0, oldestDueMs: null, scheduled: 0 };
}

interface WorkerRow {
  readonly id: string;
  readonly beat_age: number | null;
  readonly lease_ms: number | null;
  readonly claims: number;
}

async function readWorkers(database: Database, schema: string, key: string): Promise<readonly WorkerStatus[]> {
  const rows = await database.read<WorkerRow>(
    `SELECT coalesce(w.id, o.owner) AS id, ${schema}.store_now() - w.beat_at AS beat_age, w.lease_ms,
  coalesce(o.claims, 0) AS claims
FROM (SELECT * FROM ${schema}.workers WHERE namespace = $1) w FULL JOIN (
  SELECT owner, count(*) AS claims FROM ${schema}.runs WHERE namespace = $1 AND owner IS NOT NULL GROUP BY owner
) o ON o.owner = w.id ORDER BY 1`,
    [key],
  );
  return rows.map(({ id, beat_age, lease_ms, claims }) => ({
    id: fromStoredText(id),
    alive: beat_age !== null && lease_ms !== null && beat_age < lease_ms,
    beatAgeMs: beat_age,
    leaseMs: lease_ms,
    claims,
  }));
}

async function readTables(database: Database, schema: string): Promise<readonly TableStatus[]> {
  return database.read<TableStatus>(
    `SELECT c.relname::text AS name, pg_total_relation_size(c.oid) AS bytes, greatest(c.reltuples, 0)::bigint AS rows,
  coalesce(pg_stat_get_dead_tuples(c.oid), 0) AS "deadRows"
FROM pg_class c WHERE c.relnamespace = to_regnamespace($1)::oid AND c.relkind IN ('r', 'p') ORDER BY c.relname`,
    [schema],
  );
}
