/** The `step_jobs` table: attempts of background steps that wait for a worker, or are at one. */
import type { JobChanges, JobTurn, StepJob } from "@perdure/world";
import { sumOf } from "./row-sum.ts";
import { allRows, type DatabaseSync, firstRow, type StatementSync } from "./sqlite.ts";
import { type Owner, type OwnerRow, ownerFromRow } from "./worker-rows.ts";

interface JobRow {
  readonly rid: number;
  readonly correlation_id: string;
  readonly step_id: string;
  readonly position: number;
  readonly attempt: number;
  readonly delivery: number;
  readonly ready_at: number;
  readonly owner: string | null;
  readonly sum: number;
}

/** A job without the name of its run, which its row does not hold. */
export type JobOfRun = Omit<StepJob, "runId">;

/** A job with the file's own key of its run. */
export interface StoredJob {
  readonly rid: number;
  readonly job: JobOfRun;
  /** The row does not match its checksum: nothing of it is to be believed but its place. */
  readonly isDamaged: boolean;
}

const columns = "rid, correlation_id, step_id, position, attempt, delivery, ready_at, owner, sum";

export class JobRows {
  readonly #namespaceId: number;
  readonly #put: StatementSync;
  readonly #find: StatementSync;
  readonly #ready: StatementSync;
  readonly #lost: StatementSync;
  readonly #held: StatementSync;
  readonly #owners: StatementSync;
  readonly #readyOf: StatementSync;
  readonly #nextRun: StatementSync;
  readonly #firstReadyAt: StatementSync;
  readonly #remove: StatementSync;
  readonly #removeAll: StatementSync;

  constructor(db: DatabaseSync, namespaceId: number) {
    this.#namespaceId = namespaceId;
    this.#put = db.prepare(
      `INSERT OR REPLACE INTO step_jobs (${columns}, namespace_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const jobs = `SELECT ${columns} FROM step_jobs`;
    this.#find = db.prepare(`${jobs} WHERE rid = ? AND correlation_id = ?`);
    const ready = "namespace_id = ? AND step_id = ? AND owner IS NULL";
    this.#ready = db.prepare(`${jobs} WHERE ${ready} AND ready_at <= ? ORDER BY ready_at, rid, position LIMIT ?`);
    this.#readyOf = db.prepare(`${jobs} WHERE ${ready} AND rid = ? AND ready_at <= ? ORDER BY ready_at LIMIT ?`);
    this.#nextRun = db.prepare(`SELECT rid FROM step_jobs WHERE ${ready} AND rid > ? ORDER BY rid LIMIT 1`);
    this.#firstReadyAt = db.prepare(`SELECT ready_at FROM step_jobs WHERE ${ready} ORDER BY ready_at LIMIT 1`);
    this.#lost = db.prepare(
      `${jobs} WHERE namespace_id = ? AND owner = ? AND step_id IN (SELECT value FROM json_each(?)) ORDER BY rid LIMIT ?`,
    );
    this.#held = db.prepare(`${jobs} WHERE namespace_id = ? AND owner = ?`);
    this.#owners = db.prepare(`SELECT DISTINCT j.owner, w.beat_at, w.lease_ms FROM step_jobs j
LEFT JOIN workers w ON w.namespace_id = j.namespace_id AND w.id = j.owner
WHERE j.namespace_id = ? AND j.owner IS NOT NULL`);
    this.#remove = db.prepare("DELETE FROM step_jobs WHERE rid = ? AND correlation_id = ?");
    this.#removeAll = db.prepare("DELETE FROM step_jobs WHERE rid = ?");
  }

  /** Do to the jobs of a run what an append does to them. */
  apply(rid: number, { droppedAll, added, done, retried }: JobChanges): void {
    if (droppedAll) this.#removeAll.run(rid);
    for (const job of added) this.put(rid, job);
    for (const { correlationId } of done) this.remove(rid, correlationId);
    for (const { next } of retried) this.put(rid, next);
  }

  /** Enter a job, or replace it. */
  put(rid: number, job: JobOfRun): void {
    const { correlationId, stepId, position, attempt, delivery, readyAt, owner } = job;
    const sum = sumOf([rid, correlationId, stepId, position, attempt, delivery, readyAt, owner]);
    const place = [rid, correlationId, stepId, position] as const;
    this.#put.run(...place, attempt, delivery, readyAt, owner, sum, this.#namespaceId);
  }

  remove(rid: number, correlationId: string): void {
    this.#remove.run(rid, correlationId);
  }

  find(rid: number, correlationId: string): StoredJob | null {
    const row = firstRow(this.#find, rid, correlationId);
    return row === undefined ? null : storedJob(row as JobRow);
  }

  /** Jobs of a step that are at nobody and may be taken, the longest ready first. */
  ready(stepId: string, storeNow: number, limit: number): readonly StoredJob[] {
    return storedJobs(allRows(this.#ready, this.#namespaceId, stepId, storeNow, limit));
  }

  /**
   * Jobs of the next so many runs that have any of these steps at nobody: the longest ready of each, and as many of each,
   * about as many as runs in all. `last`: the last run that has had its turn; null: there is none behind those.
   */
  inTurn(
    steps: readonly string[],
    storeNow: number,
    { after, runs }: JobTurn<number>,
  ): { readonly jobs: readonly StoredJob[]; readonly last: number | null } {
    const rids: number[] = [];
    for (let rid = after ?? 0; rids.length < runs; ) {
      rid = Math.min(...steps.map((stepId) => this.#runBehind(stepId, rid)));
      if (rid === Number.POSITIVE_INFINITY) break;
      rids.push(rid);
    }
    const share = Math.ceil(runs / rids.length);
    const jobs = rids.flatMap((rid) => {
      const ready = steps.flatMap((stepId) =>
        storedJobs(allRows(this.#readyOf, this.#namespaceId, stepId, rid, storeNow, share)),
      );
      return ready.sort((a, b) => a.job.readyAt - b.job.readyAt).slice(0, share);
    });
    return { jobs, last: rids.length < runs ? null : (rids.at(-1) ?? null) };
  }

  /** The next run that has a job of a step at nobody; infinity: there is none. */
  #runBehind(stepId: string, rid: number): number {
    const row = firstRow(this.#nextRun, this.#namespaceId, stepId, rid) as Pick<JobRow, "rid"> | undefined;
    return row?.rid ?? Number.POSITIVE_INFINITY;
  }

  /** When the first job of a step that is at nobody is ready; null when there is none. */
  firstReadyAt(stepId: string): number | null {
    const row = firstRow(this.#firstReadyAt, this.#namespaceId, stepId) as Pick<JobRow, "ready_at"> | undefined;
    return row?.ready_at ?? null;
  }

  /** Jobs of these steps that a worker has taken. */
  lostBy(owner: string, steps: readonly string[], limit: number): readonly StoredJob[] {
    return storedJobs(allRows(this.#lost, this.#namespaceId, owner, JSON.stringify(steps), limit));
  }

  heldBy(owner: string): readonly StoredJob[] {
    return storedJobs(allRows(this.#held, this.#namespaceId, owner));
  }

  /** The workers that have taken a job. */
  owners(): readonly Owner[] {
    return (allRows(this.#owners, this.#namespaceId) as readonly OwnerRow[]).map(ownerFromRow);
  }
}

const storedJobs = (rows: readonly unknown[]): readonly StoredJob[] => rows.map((row) => storedJob(row as JobRow));

function storedJob(row: JobRow): StoredJob {
  const { rid, correlation_id, step_id, position, attempt, delivery, ready_at, owner, sum } = row;
  const found = sumOf([rid, correlation_id, step_id, position, attempt, delivery, ready_at, owner]);
  const job = { correlationId: correlation_id, stepId: step_id, position, attempt, delivery, readyAt: ready_at, owner };
  return { rid, job, isDamaged: found !== sum };
}
