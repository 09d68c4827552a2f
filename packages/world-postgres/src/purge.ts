/**
 * Deletes runs that ended long ago, with all that belongs to them.
 *
 * In small batches, each a transaction of its own with a pause after it, so that nothing else waits for long and the
 * server's clean-up keeps pace. Rows that somebody has locked are passed over; the next pass finds them. A run goes as a
 * whole: nobody ever sees a part of its log.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { EndedStatus } from "@perdure/world";
import type { Database, TransactionQueries } from "./database.ts";
import { listed } from "./run-rows.ts";
import { runTables } from "./run-tables.ts";
import { advisoryKey } from "./schema.ts";
import { toStoredText } from "./stored-text.ts";

/** A batch ends with the run that reaches one of these. */
const runsPerBatch = 200;
const eventsPerBatch = 10_000;
const pauseMs = 50;

export interface PurgePart {
  readonly status: EndedStatus;
  /** Runs that ended longer ago than this, in milliseconds. */
  readonly olderThanMs: number;
}

/**
 * `foreground`: somebody waits for the outcome, so it waits while another process is at it. `background`: it leaves the
 * rest to that one, and keeps no process alive.
 */
export type Manner = "foreground" | "background";

export interface PurgeCount {
  readonly runs: number;
  readonly events: number;
}

interface EndedRow {
  readonly run_id: string;
  readonly created_at: number;
  readonly tail: number;
}

/** Where a pass goes on: runs are visited in the order of their creation, as the index by status has them. */
interface Place {
  readonly createdAt: number;
  readonly runId: string;
}

const beginning: Place = { createdAt: Number.MIN_SAFE_INTEGER, runId: "" };

export class Purge {
  readonly #database: Database;
  readonly #schema: string;
  readonly #namespace: string;
  #isStopped = false;

  constructor(database: Database, schema: string, namespace: string) {
    this.#database = database;
    this.#schema = schema;
    this.#namespace = toStoredText(namespace);
  }

  /** Lets the batch at hand be the last one. */
  stop(): void {
    this.#isStopped = true;
  }

  /** One pass over what is old enough. */
  async run(parts: readonly PurgePart[], manner: Manner): Promise<PurgeCount> {
    const total = { runs: 0, events: 0 };
    for (const part of parts) {
      for (let place: Place | null = beginning; place !== null && !this.#isStopped; ) {
        const batch = await this.#batch(part, place);
        if (batch === null && manner === "background") return total;
        total.runs += batch?.runs ?? 0;
        total.events += batch?.events ?? 0;
        if (batch !== null) place = batch.next;
        if (place !== null) await pause(pauseMs, undefined, { ref: manner === "foreground" });
      }
    }
    return total;
  }

  /** What a pass would delete. */
  async count(parts: readonly PurgePart[]): Promise<PurgeCount> {
    const total = { runs: 0, events: 0 };
    for (const { status, olderThanMs } of parts) {
      const [row] = await this.#database.read<PurgeCount>(
        `SELECT count(*) AS runs, coalesce(sum(r.tail), 0)::bigint AS events FROM ${this.#schema}.runs r
WHERE ${this.#isOld}`,
        [this.#namespace, status, olderThanMs],
      );
      total.runs += row?.runs ?? 0;
      total.events += row?.events ?? 0;
    }
    return total;
  }

  /** The second condition follows from the third; it is the one that the index by status can use. */
  get #isOld(): string {
    const before = `(SELECT ${this.#schema}.store_now() - $3::bigint)`;
    return `r.namespace = $1 AND r.status = $2 AND ${listed} AND r.created_at < ${before} AND r.ended_at < ${before}`;
  }

  /** Null: another process is at it. */
  #batch(part: PurgePart, place: Place): Promise<(PurgeCount & { readonly next: Place | null }) | null> {
    return this.#database.transaction(async (queries) => {
      if (!(await isAlone(queries, this.#schema))) return null;
      const rows = await queries.read<EndedRow>(
        `SELECT r.run_id, r.created_at, r.tail FROM ${this.#schema}.runs r
WHERE ${this.#isOld} AND (r.created_at, r.run_id) > ($4::bigint, $5::text)
ORDER BY r.created_at, r.run_id LIMIT ${runsPerBatch} FOR UPDATE SKIP LOCKED`,
        [this.#namespace, part.status, part.olderThanMs, place.createdAt, place.runId],
      );
      const chosen = firstOf(rows);
      const last = chosen.at(-1);
      if (last === undefined) return { runs: 0, events: 0, next: null };
      const runIds = chosen.map(({ run_id }) => run_id);
      for (const table of [...runTables, "runs"]) {
        await queries.write(`DELETE FROM ${this.#schema}.${table} WHERE namespace = $1 AND run_id = ANY ($2::text[])`, [
          this.#namespace,
          runIds,
        ]);
      }
      const events = chosen.reduce((sum, { tail }) => sum + tail, 0);
      return { runs: chosen.length, events, next: { createdAt: last.created_at, runId: last.run_id } };
    });
  }
}

/** At least one, and no more than make a batch. */
function firstOf(rows: readonly EndedRow[]): readonly EndedRow[] {
  let events = 0;
  const count = rows.findIndex(({ tail }) => {
    events += tail;
    return events >= eventsPerBatch;
  });
  return count === -1 ? rows : rows.slice(0, count + 1);
}

/** True for the one process of a schema that may delete until its transaction ends. */
export async function isAlone(queries: TransactionQueries, schema: string): Promise<boolean> {
  const [row] = await queries.read<{ readonly alone: boolean }>(
    "SELECT pg_try_advisory_xact_lock($1::bigint) AS alone",
    [advisoryKey("purge", schema)],
  );
  return row?.alone === true;
}
