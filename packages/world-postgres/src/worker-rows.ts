/** The `workers` table: the last beat of each worker, from which the liveness of claims follows. */
import { type Heartbeat, nextLoss, ownerState, type WorkerInfo } from "@perdure/world";
import type { Queries, Values } from "./database.ts";
import { restoredKey, type Shown } from "./restoration.ts";
import { unclaimed } from "./run-rows.ts";
import { fromStoredText, toStoredText } from "./stored-text.ts";

/** What a worker has to know before it claims: who is lost, and what is due. */
export interface ClaimOutlook {
  readonly storeNow: number;
  readonly schedule: Schedule;
  /** Of the workers that hold runs of the worker's workflows. */
  readonly losses: Losses;
  readonly shown: Shown;
}

/** A worker that holds something, by its stored name. Without a beat it never beat, or has retired. */
export type OwnerBeat = readonly [owner: string, beatAt: number | null, leaseMs: number | null];

/** Who is lost of those that hold something, by their stored names, and when the next one is unless it beats before. */
export interface Losses {
  readonly lostOwners: readonly string[];
  readonly nextLossAt: number | null;
}

/** As a worker sees them, which does not look out for itself. */
export function lossesOf(owners: readonly OwnerBeat[] | null, workerId: string, storeNow: number): Losses {
  const beats = (owners ?? []).map(([stored, beatAt, leaseMs]) => {
    return [fromStoredText(stored), heartbeat(beatAt, leaseMs), stored] as const;
  });
  const lost = beats.filter(([owner, beat]) => ownerState({ owner }, beat, storeNow) === "dead");
  const others = beats.map(([owner, beat]) => [owner, beat] as const);
  return { lostOwners: lost.map(([, , stored]) => stored), nextLossAt: nextLoss(others, { workerId, storeNow }) };
}

/** So many unclaimed runs of each workflow, those that are due first, are seen before a claim. */
const headsShown = 3;

/** The first unclaimed runs of each workflow, and when they are due. */
export class Schedule {
  readonly #heads: readonly Head[];

  constructor(heads: readonly Head[] | null) {
    this.#heads = heads ?? [];
  }

  /** Null when nothing is scheduled. */
  get nextWakeAt(): number | null {
    return this.#heads.length === 0 ? null : Math.min(...this.#heads.map(([, wakeAt]) => wakeAt));
  }

  /** The stored ids of the workflows of which a run is due. */
  dueAt(storeNow: number): readonly string[] {
    return [...new Set(this.#dueAt(storeNow).map(([workflowId]) => workflowId))];
  }

  /** The runs that are due, when these are all of them; null: there may be more, of one workflow, or more than `max`. */
  allDueAt(storeNow: number, max: number): readonly string[] | null {
    const due = this.#dueAt(storeNow);
    const isCut = [...Map.groupBy(due, ([workflowId]) => workflowId).values()].some((of) => of.length >= headsShown);
    return isCut || due.length > max ? null : due.map(([, , runId]) => fromStoredText(runId));
  }

  /** What is left of it without these runs. */
  without(runIds: readonly string[]): Schedule {
    return new Schedule(this.#heads.filter(([, , runId]) => !runIds.includes(fromStoredText(runId))));
  }

  #dueAt(storeNow: number): readonly Head[] {
    return this.#heads.filter(([, wakeAt]) => wakeAt <= storeNow);
  }
}

type Head = readonly [storedWorkflowId: string, wakeAt: number, storedRunId: string];

interface OutlookRow {
  readonly now: number;
  readonly mark: string | null;
  readonly beats: number | null;
  readonly heads: readonly Head[] | null;
  readonly owners: readonly OwnerBeat[] | null;
}

export class WorkerRows {
  readonly #namespace: string;
  readonly #beat: string;
  readonly #remove: string;
  readonly #outlook: string;
  readonly #schedule: string;

  constructor(schema: string, namespace: string) {
    this.#namespace = toStoredText(namespace);
    const mark = `(SELECT value FROM ${schema}.meta WHERE key = '${restoredKey}')`;
    this.#beat = `INSERT INTO ${schema}.workers AS w (namespace, id, beat_at, beats, lease_ms, workflows)
SELECT $1::text, $2::text, ${schema}.store_now(), 1, $3::bigint, $4::text
WHERE ${mark} IS NOT DISTINCT FROM $6::text AND ($5::bigint = 0 OR EXISTS (
  SELECT 1 FROM ${schema}.workers k WHERE k.namespace = $1 AND k.id = $2 AND k.beats >= $5::bigint))
ON CONFLICT (namespace, id) DO UPDATE
SET beat_at = excluded.beat_at, beats = w.beats + 1, lease_ms = excluded.lease_ms, workflows = excluded.workflows
RETURNING w.beats`;
    this.#remove = `DELETE FROM ${schema}.workers WHERE namespace = $1 AND id = $2`;
    // One seek per workflow, so that runs which this worker cannot drive cost nothing however many are due.
    const heads = `(SELECT json_agg(json_build_array(w.id, due.wake_at, due.run_id)) FROM unnest($2::text[]) AS w(id), LATERAL (
  SELECT r.wake_at, r.run_id FROM ${schema}.runs r WHERE r.namespace = $1 AND r.workflow_id = w.id AND ${unclaimed}
  ORDER BY r.wake_at LIMIT ${headsShown}) AS due)`;
    this.#schedule = `SELECT ${heads} AS heads`;
    // Finds each owner once, by a seek per owner however many runs they hold.
    this.#outlook = `WITH RECURSIVE owners (owner) AS (
  (SELECT r.owner FROM ${schema}.runs r WHERE r.namespace = $1 AND r.owner IS NOT NULL ORDER BY r.owner LIMIT 1)
  UNION ALL
  SELECT (SELECT r.owner FROM ${schema}.runs r WHERE r.namespace = $1 AND r.owner > owners.owner
    ORDER BY r.owner LIMIT 1)
  FROM owners WHERE owners.owner IS NOT NULL
)
SELECT ${schema}.store_now() AS now, ${heads} AS heads, ${mark} AS mark,
  (SELECT w.beats FROM ${schema}.workers w WHERE w.namespace = $1 AND w.id = $3) AS beats,
  (SELECT json_agg(json_build_array(o.owner, w.beat_at, w.lease_ms))
   FROM owners o LEFT JOIN ${schema}.workers w ON w.namespace = $1 AND w.id = o.owner
   WHERE o.owner IS NOT NULL AND EXISTS (SELECT 1 FROM ${schema}.runs r
     WHERE r.namespace = $1 AND r.owner = o.owner AND r.workflow_id = ANY ($2::text[]))) AS owners`;
  }

  /** Answers how many beats of the worker the store has taken; null: not this one, for the store is not as it is known. */
  async beat(
    queries: Queries,
    worker: WorkerInfo,
    known: { readonly acknowledged: number; readonly mark: string | null },
  ): Promise<number | null> {
    const { text, values } = this.beatStatement(worker);
    const rows = await queries.write<{ readonly beats: number }>(text, [...values, known.acknowledged, known.mark]);
    return rows[0]?.beats ?? null;
  }

  /**
   * Announces a worker, or renews it. Two values are added at the end: the count of beats that was acknowledged last, and
   * the mark of a restored store as this process knows it. Where these are not met, nothing is written.
   */
  beatStatement({ id, leaseMs, workflows }: WorkerInfo): { readonly text: string; readonly values: Values } {
    return { text: this.#beat, values: [this.#namespace, toStoredText(id), leaseMs, JSON.stringify(workflows)] };
  }

  async remove(queries: Queries, workerId: string): Promise<void> {
    await queries.write(this.#remove, [this.#namespace, toStoredText(workerId)]);
  }

  async outlook(queries: Queries, { id, workflows }: WorkerInfo): Promise<ClaimOutlook> {
    const values = [this.#namespace, workflows.map(toStoredText), toStoredText(id)];
    const [row] = await queries.read<OutlookRow>(this.#outlook, values);
    const storeNow = row?.now ?? Number.NaN;
    return {
      storeNow,
      schedule: new Schedule(row?.heads ?? null),
      losses: lossesOf(row?.owners ?? null, id, storeNow),
      shown: { mark: row?.mark ?? null, beats: row?.beats ?? null },
    };
  }

  async schedule(queries: Queries, workflows: readonly string[]): Promise<Schedule> {
    const values = [this.#namespace, workflows.map(toStoredText)];
    const [row] = await queries.read<Pick<OutlookRow, "heads">>(this.#schedule, values);
    return new Schedule(row?.heads ?? null);
  }
}

/** Null for a worker that never beat, or has retired. */
export function heartbeat(beatAt: number | null, leaseMs: number | null): Heartbeat | null {
  return beatAt === null || leaseMs === null ? null : { at: beatAt, leaseMs };
}
