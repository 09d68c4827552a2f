/** The `workers` table: the last beat of each worker, from which the liveness of claims follows. */
import { type Heartbeat, ownerState, type WorkerInfo } from "@perdure/world";
import type { Queries } from "./database.ts";
import { unclaimed } from "./run-rows.ts";
import { fromStoredText, toStoredText } from "./stored-text.ts";

/** What a worker has to know before it claims: who is lost, and what is due. */
export interface ClaimOutlook {
  readonly storeNow: number;
  /** When the first unclaimed run of the worker's workflows is due; null when none is scheduled. */
  readonly nextWakeAt: number | null;
  /** The stored names of the workers that hold claims and no longer live. */
  readonly lostOwners: readonly string[];
}

interface OutlookRow {
  readonly now: number;
  readonly next_wake_at: number | null;
  readonly owners: readonly (readonly [owner: string, beatAt: number | null, leaseMs: number | null])[] | null;
}

export class WorkerRows {
  readonly #namespace: string;
  readonly #beat: string;
  readonly #remove: string;
  readonly #outlook: string;
  readonly #nextWake: string;

  constructor(schema: string, namespace: string) {
    this.#namespace = toStoredText(namespace);
    this.#beat = `INSERT INTO ${schema}.workers (namespace, id, beat_at, lease_ms, workflows)
VALUES ($1, $2, ${schema}.store_now(), $3, $4)
ON CONFLICT (namespace, id) DO UPDATE
SET beat_at = excluded.beat_at, lease_ms = excluded.lease_ms, workflows = excluded.workflows`;
    this.#remove = `DELETE FROM ${schema}.workers WHERE namespace = $1 AND id = $2`;
    // One seek per workflow, so that runs which this worker cannot drive cost nothing however many are due.
    const nextWake = `(SELECT min(due.wake_at) FROM unnest($2::text[]) AS w(id), LATERAL (
  SELECT r.wake_at FROM ${schema}.runs r WHERE r.namespace = $1 AND r.workflow_id = w.id AND ${unclaimed}
  ORDER BY r.wake_at LIMIT 1) AS due)`;
    this.#nextWake = `SELECT ${nextWake} AS next_wake_at`;
    // Finds each owner once, by a seek per owner however many runs they hold.
    this.#outlook = `WITH RECURSIVE owners (owner) AS (
  (SELECT r.owner FROM ${schema}.runs r WHERE r.namespace = $1 AND r.owner IS NOT NULL ORDER BY r.owner LIMIT 1)
  UNION ALL
  SELECT (SELECT r.owner FROM ${schema}.runs r WHERE r.namespace = $1 AND r.owner > owners.owner
    ORDER BY r.owner LIMIT 1)
  FROM owners WHERE owners.owner IS NOT NULL
)
SELECT ${schema}.store_now() AS now, ${nextWake} AS next_wake_at,
  (SELECT json_agg(json_build_array(o.owner, w.beat_at, w.lease_ms))
   FROM owners o LEFT JOIN ${schema}.workers w ON w.namespace = $1 AND w.id = o.owner
   WHERE o.owner IS NOT NULL) AS owners`;
  }

  async beat(queries: Queries, worker: WorkerInfo): Promise<void> {
    const workflows = JSON.stringify(worker.workflows);
    await queries.write(this.#beat, [this.#namespace, toStoredText(worker.id), worker.leaseMs, workflows]);
  }

  async remove(queries: Queries, workerId: string): Promise<void> {
    await queries.write(this.#remove, [this.#namespace, toStoredText(workerId)]);
  }

  async outlook(queries: Queries, workflows: readonly string[]): Promise<ClaimOutlook> {
    const [row] = await queries.read<OutlookRow>(this.#outlook, [this.#namespace, workflows.map(toStoredText)]);
    const storeNow = row?.now ?? Number.NaN;
    const lost = (row?.owners ?? []).filter(([owner, beatAt, leaseMs]) => {
      return ownerState({ owner: fromStoredText(owner) }, heartbeat(beatAt, leaseMs), storeNow) === "dead";
    });
    return { storeNow, nextWakeAt: row?.next_wake_at ?? null, lostOwners: lost.map(([owner]) => owner) };
  }

  async nextWakeAt(queries: Queries, workflows: readonly string[]): Promise<number | null> {
    const values = [this.#namespace, workflows.map(toStoredText)];
    const [row] = await queries.read<Pick<OutlookRow, "next_wake_at">>(this.#nextWake, values);
    return row?.next_wake_at ?? null;
  }
}

/** Null for a worker that never beat, or has retired. */
export function heartbeat(beatAt: number | null, leaseMs: number | null): Heartbeat | null {
  return beatAt === null || leaseMs === null ? null : { at: beatAt, leaseMs };
}
