/** The `workers` table: the last beat of each worker, from which the liveness of claims follows. */
import { type Heartbeat, ownerState, type WorkerInfo } from "@perdure/world";
import { allRows, type DatabaseSync, type StatementSync } from "./sqlite.ts";

/** Announces a worker, or renews it. Parameters: namespace id, worker id, beat (ms), lease (ms), workflow ids as JSON. */
export const beatSql = `INSERT INTO workers (namespace_id, id, beat_at, lease_ms, workflows) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (namespace_id, id) DO UPDATE SET beat_at = excluded.beat_at, lease_ms = excluded.lease_ms, workflows = excluded.workflows`;

/**
 * Finds each owner once, by a seek per owner however many runs they hold. Takes the namespace id three times: Node 22.15
 * cannot bind numbered parameters (`?`).
 */
const ownersSql = `WITH RECURSIVE owners (owner) AS (
  SELECT min(owner) FROM runs WHERE namespace_id = ? AND owner IS NOT NULL
  UNION ALL
  SELECT (SELECT min(r.owner) FROM runs r WHERE r.namespace_id = ? AND r.owner > owners.owner)
  FROM owners WHERE owners.owner IS NOT NULL
)
SELECT owners.owner, w.beat_at, w.lease_ms
FROM owners LEFT JOIN workers w ON w.namespace_id = ? AND w.id = owners.owner
WHERE owners.owner IS NOT NULL`;

export class WorkerRows {
  readonly #namespaceId: number;
  readonly #beat: StatementSync;
  readonly #remove: StatementSync;
  readonly #owners: StatementSync;

  constructor(db: DatabaseSync, namespaceId: number) {
    this.#namespaceId = namespaceId;
    this.#beat = db.prepare(beatSql);
    this.#remove = db.prepare("DELETE FROM workers WHERE namespace_id = ? AND id = ?");
    this.#owners = db.prepare(ownersSql);
  }

  beat(worker: WorkerInfo, now: number): void {
    this.#beat.run(this.#namespaceId, worker.id, now, worker.leaseMs, JSON.stringify(worker.workflows));
  }

  remove(workerId: string): void {
    this.#remove.run(this.#namespaceId, workerId);
  }

  /** The workers that hold a claim. */
  owners(): readonly Owner[] {
    const namespaceId = this.#namespaceId;
    return (allRows(this.#owners, namespaceId, namespaceId, namespaceId) as readonly OwnerRow[]).map(ownerFromRow);
  }
}

/** A worker that holds something, with its last beat; null: it never beat, or has retired. */
export type Owner = readonly [workerId: string, beat: Heartbeat | null];

export const ownerFromRow = ({ owner, beat_at, lease_ms }: OwnerRow): Owner => [
  owner,
  beat_at === null || lease_ms === null ? null : { at: beat_at, leaseMs: lease_ms },
];

/** Those of them that no longer live. */
export function lostOwners(owners: readonly Owner[], storeNow: number): readonly string[] {
  return owners.flatMap(([owner, beat]) => (ownerState({ owner }, beat, storeNow) === "dead" ? [owner] : []));
}

export interface OwnerRow {
  readonly owner: string;
  readonly beat_at: number | null;
  readonly lease_ms: number | null;
}
