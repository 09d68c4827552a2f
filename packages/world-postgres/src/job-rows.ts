/** The `step_jobs` table: attempts of background steps that wait for a worker, or are at one. */
import type { JobTurn, StepJob } from "@perdure/world";
import type { Queries } from "./database.ts";
import { fromStoredOrNull, fromStoredText, toStoredOrNull, toStoredText } from "./stored-text.ts";
import type { OwnerBeat } from "./worker-rows.ts";

interface JobRow {
  readonly run_id: string;
  readonly correlation_id: string;
  readonly step_id: string;
  readonly position: number;
  readonly attempt: number;
  readonly delivery: number;
  readonly ready_at: number;
  readonly owner: string | null;
}

/** A job whose row is locked, with the store's clock and the last beat of the worker that has taken it. */
export interface LockedJob {
  readonly job: StepJob;
  readonly now: number;
  readonly beatAt: number | null;
  readonly leaseMs: number | null;
}

type LockedRow = JobRow & {
  readonly now: number;
  readonly beat_at: number | null;
  readonly lease_ms: number | null;
};

/**
 * `last`: the last run that has had its turn, also if nothing of it was ready, as its id is stored; null: there is none behind
 * those.
 */
export interface RunsInTurn {
  readonly jobs: readonly LockedJob[];
  readonly last: string | null;
}

type TurnRow = { readonly turn: number; readonly turn_of: string } & (LockedRow | { readonly step_id: null });

/** What a worker has to know before it takes jobs. Owners are as they are stored. */
export interface JobOutlook {
  readonly storeNow: number;
  readonly nextReadyAt: number | null;
  readonly owners: readonly OwnerBeat[];
}

const columns = "j.run_id, j.correlation_id, j.step_id, j.position, j.attempt, j.delivery, j.ready_at, j.owner";

export class JobRows {
  readonly #namespace: string;
  readonly #sql: ReturnType<typeof statements>;

  constructor(schema: string, namespace: string) {
    this.#namespace = toStoredText(namespace);
    this.#sql = statements(schema);
  }

  /** Jobs of a run, by the correlation ids of their steps; those that there are not are missing. */
  async find(queries: Queries, runId: string, ids: readonly string[]): Promise<ReadonlyMap<string, StepJob>> {
    const values = [this.#namespace, toStoredText(runId), ids.map(toStoredText)];
    const jobs = (await queries.read<JobRow>(this.#sql.some, values)).map(jobFromRow);
    return new Map(jobs.map((job) => [job.correlationId, job]));
  }

  async heldBy(queries: Queries, workerId: string): Promise<readonly StepJob[]> {
    const rows = await queries.read<JobRow>(this.#sql.held, [this.#namespace, toStoredText(workerId)]);
    return rows.map(jobFromRow);
  }

  async outlook(queries: Queries, steps: readonly string[]): Promise<JobOutlook> {
    const values = [this.#namespace, steps.map(toStoredText)];
    const [row] = await queries.read<OutlookRow>(this.#sql.outlook, values);
    return { storeNow: row?.now ?? Number.NaN, nextReadyAt: row?.next_ready_at ?? null, owners: row?.owners ?? [] };
  }

  /** Locks jobs of these steps that these workers have taken; those that others have locked are passed over. */
  async lockLost(
    queries: Queries,
    owners: readonly string[],
    steps: readonly string[],
    limit: number,
  ): Promise<readonly LockedJob[]> {
    const values = [this.#namespace, owners, steps.map(toStoredText), limit];
    return owners.length === 0 ? [] : (await queries.read<LockedRow>(this.#sql.lost, values)).map(lockedJob);
  }

  /** Locks jobs that are at nobody and may be taken, the longest ready first. */
  async lockReady(
    queries: Queries,
    steps: readonly string[],
    storeNow: number,
    limit: number,
  ): Promise<readonly LockedJob[]> {
    const values = [this.#namespace, steps.map(toStoredText), storeNow, limit];
    return limit <= 0 ? [] : (await queries.read<LockedRow>(this.#sql.ready, values)).map(lockedJob);
  }

  /**
   * Locks jobs of the next so many runs that have any of these steps at nobody, in the order of the runs' ids: the longest
   * ready of each, and as many of each, about as many as runs in all.
   */
  async lockInTurn(
    queries: Queries,
    steps: readonly string[],
    storeNow: number,
    turn: JobTurn<string>,
  ): Promise<RunsInTurn> {
    const values = [this.#namespace, steps.map(toStoredText), storeNow, turn.after ?? "", turn.runs];
    const rows = await queries.read<TurnRow>(this.#sql.inTurn, values);
    const jobs = rows.flatMap((row) => (row.step_id === null ? [] : [lockedJob(row)]));
    const last = rows.at(-1);
    return { jobs, last: last?.turn === turn.runs ? last.turn_of : null };
  }

  /** Keeps everybody else from a job until the transaction ends. */
  async lock(queries: Queries, runId: string, correlationId: string): Promise<StepJob | null> {
    const values = [this.#namespace, toStoredText(runId), toStoredText(correlationId)];
    const [row] = await queries.read<JobRow>(`${this.#sql.one} FOR UPDATE`, values);
    return row === undefined ? null : jobFromRow(row);
  }

  /** Write who has jobs that this transaction has locked, and how often they were taken. */
  async replace(queries: Queries, jobs: readonly StepJob[]): Promise<void> {
    await queries.write(this.#sql.replace, [
      this.#namespace,
      jobs.map(({ runId }) => toStoredText(runId)),
      jobs.map(({ correlationId }) => toStoredText(correlationId)),
      jobs.map(({ delivery }) => delivery),
      jobs.map(({ owner }) => toStoredOrNull(owner)),
    ]);
  }
}

interface OutlookRow {
  readonly now: number;
  readonly next_ready_at: number | null;
  readonly owners: JobOutlook["owners"] | null;
}

function statements(schema: string) {
  const from = `FROM ${schema}.step_jobs j`;
  const unowned = "j.namespace = $1 AND j.step_id = s.id AND j.owner IS NULL";
  const nextRun = (after: string): string => `SELECT min(next.run_id) FROM unnest($2::text[]) AS s(id), LATERAL (
    SELECT j.run_id ${from} WHERE ${unowned} AND j.run_id > ${after} ORDER BY j.run_id LIMIT 1) AS next`;
  const share = "SELECT ceil($5::numeric / count(*))::integer FROM turns WHERE run_id IS NOT NULL";
  return {
    one: `SELECT ${columns} ${from} WHERE j.namespace = $1 AND j.run_id = $2 AND j.correlation_id = $3`,
    // A seek for each, whatever the planner thinks of their number.
    some: `SELECT ${columns} FROM unnest($3::text[]) AS s(id), LATERAL (
  SELECT * ${from} WHERE j.namespace = $1 AND j.run_id = $2 AND j.correlation_id = s.id LIMIT 1) AS j`,
    held: `SELECT ${columns} ${from} WHERE j.namespace = $1 AND j.owner = $2`,
    // One seek per step, so that jobs which this worker cannot execute cost nothing however many are ready.
    outlook: `SELECT ${schema}.store_now() AS now,
  (SELECT min(ready.ready_at) FROM unnest($2::text[]) AS s(id), LATERAL (
    SELECT j.ready_at ${from} WHERE ${unowned} ORDER BY j.ready_at LIMIT 1) AS ready) AS next_ready_at,
  (SELECT json_agg(json_build_array(o.owner, w.beat_at, w.lease_ms))
   FROM (SELECT DISTINCT j.owner ${from} WHERE j.namespace = $1 AND j.owner IS NOT NULL) AS o
   LEFT JOIN ${schema}.workers w ON w.namespace = $1 AND w.id = o.owner) AS owners`,
    lost: `SELECT ${columns}, ${schema}.store_now() AS now, w.beat_at, w.lease_ms ${from}
LEFT JOIN ${schema}.workers w ON w.namespace = j.namespace AND w.id = j.owner
WHERE j.namespace = $1 AND j.owner = ANY ($2::text[]) AND j.step_id = ANY ($3::text[])
ORDER BY j.owner, j.run_id LIMIT $4 FOR UPDATE OF j SKIP LOCKED`,
    ready: `SELECT ready.* FROM unnest($2::text[]) AS s(id), LATERAL (
  SELECT ${columns}, ${schema}.store_now() AS now, NULL::bigint AS beat_at, NULL::bigint AS lease_ms ${from}
  WHERE ${unowned} AND j.ready_at <= $3 ORDER BY j.ready_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS ready
ORDER BY ready.ready_at, ready.run_id, ready.position LIMIT $4`,
    // A seek for each run and step, however many jobs the run has.
    inTurn: `WITH RECURSIVE turns AS (
  SELECT 1 AS number, (${nextRun("$4")}) AS run_id
  UNION ALL
  SELECT t.number + 1, (${nextRun("t.run_id")}) FROM turns t WHERE t.run_id IS NOT NULL AND t.number < $5::integer)
SELECT t.number AS turn, t.run_id AS turn_of, ready.* FROM turns t LEFT JOIN LATERAL (
  SELECT first.* FROM unnest($2::text[]) AS s(id), LATERAL (
    SELECT ${columns}, ${schema}.store_now() AS now, NULL::bigint AS beat_at, NULL::bigint AS lease_ms ${from}
    WHERE ${unowned} AND j.run_id = t.run_id AND j.ready_at <= $3
    ORDER BY j.ready_at LIMIT (${share}) FOR UPDATE SKIP LOCKED
  ) AS first ORDER BY first.ready_at LIMIT (${share})) AS ready ON true
WHERE t.run_id IS NOT NULL ORDER BY t.number, ready.ready_at`,
    replace: `UPDATE ${schema}.step_jobs j SET delivery = x.delivery, owner = x.owner
FROM unnest($2::text[], $3::text[], $4::integer[], $5::text[]) AS x(run_id, correlation_id, delivery, owner)
WHERE j.namespace = $1 AND j.run_id = x.run_id AND j.correlation_id = x.correlation_id`,
  };
}

function jobFromRow(row: JobRow): StepJob {
  return {
    runId: fromStoredText(row.run_id),
    correlationId: fromStoredText(row.correlation_id),
    stepId: fromStoredText(row.step_id),
    position: row.position,
    attempt: row.attempt,
    delivery: row.delivery,
    readyAt: row.ready_at,
    owner: fromStoredOrNull(row.owner),
  };
}

const lockedJob = (row: LockedRow): LockedJob => ({
  job: jobFromRow(row),
  now: row.now,
  beatAt: row.beat_at,
  leaseMs: row.lease_ms,
});
