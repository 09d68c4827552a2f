/**
 * The `runs` table: one row per run, read and written as `RunRecord`.
 *
 * Owns: the mapping of columns, the number of each status, and which of two updates a change needs. The smaller one
 * leaves every index alone; it is what a driver's ordinary append takes.
 */
import { invariant } from "@perdure/errors";
import type { Parked, RunRecord, RunStatus } from "@perdure/world";
import type { DatabaseSync, SQLInputValue, StatementSync } from "./sqlite.ts";

/** The number of each status in the file. Fixed for ever: only append. */
export const statusNumbers = {
  pending: 1,
  running: 2,
  completed: 3,
  failed: 4,
  cancelled: 5,
} as const satisfies Record<RunStatus, number>;

const statuses: ReadonlyMap<number, RunStatus> = new Map(
  (Object.keys(statusNumbers) as RunStatus[]).map((status) => [statusNumbers[status], status]),
);

/** A run's row with its key in the file. */
export interface StoredRun {
  readonly rid: number;
  readonly run: RunRecord;
}

interface RunRow {
  readonly rid: number;
  readonly run_id: string;
  readonly key: string | null;
  readonly workflow_id: string;
  readonly workflow_name: string;
  readonly bundle_id: string;
  readonly isolation: RunRecord["isolation"];
  readonly parent_run_id: string | null;
  readonly root_run_id: string;
  readonly created_at: number;
  readonly status: number;
  readonly tail: number;
  readonly last_at: number;
  readonly epoch: number;
  readonly owner: string | null;
  readonly append_n: number | null;
  readonly append_first: number | null;
  readonly append_last: number | null;
  readonly parked_reason: string | null;
  readonly parked_detail: string | null;
  readonly parked_position: number | null;
  readonly parked_since: number | null;
  readonly wake_at: number | null;
  readonly expiries: number;
  readonly claim_tail: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly ended_owner: string | null;
}

const fixedColumns =
  "run_id, key, workflow_id, workflow_name, bundle_id, isolation, parent_run_id, root_run_id, created_at";
const mutableColumns = [
  "status",
  "tail",
  "last_at",
  "epoch",
  "owner",
  "append_n",
  "append_first",
  "append_last",
  "parked_reason",
  "parked_detail",
  "parked_position",
  "parked_since",
  "wake_at",
  "expiries",
  "claim_tail",
  "started_at",
  "ended_at",
  "ended_owner",
] as const;

/** Spelled as the partial index `runs_due` is, so that SQLite uses it. */
export const unclaimed = "owner IS NULL AND parked_reason IS NULL AND wake_at IS NOT NULL";

/** Of the runs in a JSON array of ids, those that have ended or are parked: one seek each, however many are waited for. */
export const settledAmong = `run_id IN (SELECT value FROM json_each(?))
  AND (status NOT IN (${statusNumbers.pending}, ${statusNumbers.running}) OR parked_reason IS NOT NULL)`;

const runColumns = `rid, ${fixedColumns}, ${mutableColumns.join(", ")}`;

export class RunRows {
  readonly #db: DatabaseSync;
  readonly #namespace: string;
  readonly #namespaceId: number;
  readonly #byId: StatementSync;
  readonly #ridById: StatementSync;
  readonly #byKey: StatementSync;
  readonly #insert: StatementSync;
  readonly #advance: StatementSync;
  readonly #replace: StatementSync;
  readonly #firstWakeAt: StatementSync;
  readonly #lists = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, namespace: string, namespaceId: number) {
    this.#db = db;
    this.#namespace = namespace;
    this.#namespaceId = namespaceId;
    this.#byId = db.prepare(`SELECT ${runColumns} FROM runs WHERE run_id = ? AND namespace_id = ?`);
    this.#ridById = db.prepare("SELECT rid FROM runs WHERE run_id = ? AND namespace_id = ?");
    this.#byKey = db.prepare(`SELECT ${runColumns} FROM runs WHERE namespace_id = ? AND key = ?`);
    const marks = "?, ".repeat(9 + mutableColumns.length);
    this.#insert = db.prepare(
      `INSERT INTO runs (${fixedColumns}, ${mutableColumns.join(", ")}, namespace_id) VALUES (${marks}?) ON CONFLICT DO NOTHING`,
    );
    this.#advance = db.prepare(
      "UPDATE runs SET tail = ?, last_at = ?, append_n = ?, append_first = ?, append_last = ? WHERE rid = ?",
    );
    this.#replace = db.prepare(
      `UPDATE runs SET ${mutableColumns.map((column) => `${column} = ?`).join(", ")} WHERE rid = ?`,
    );
    this.#firstWakeAt = db.prepare(
      `SELECT wake_at FROM runs WHERE namespace_id = ? AND workflow_id = ? AND ${unclaimed} ORDER BY wake_at LIMIT 1`,
    );
  }

  byId(runId: string): StoredRun | null {
    return this.#stored(this.#byId.get(runId, this.#namespaceId));
  }

  /** The key of a run in the file, from the index alone; null when there is no such run. */
  ridOf(runId: string): number | null {
    const row = this.#ridById.get(runId, this.#namespaceId) as { readonly rid: number } | undefined;
    return row?.rid ?? null;
  }

  byKey(key: string): StoredRun | null {
    return this.#stored(this.#byKey.get(this.#namespaceId, key));
  }

  /** Null when the run id or the key is taken; then nothing was written. */
  insert(run: RunRecord): StoredRun | null {
    const result = this.#insert.run(
      run.runId,
      run.key,
      run.workflowId,
      run.workflowName,
      run.bundleId,
      run.isolation,
      run.parentRunId,
      run.rootRunId,
      run.createdAt,
      ...mutableValues(run),
      this.#namespaceId,
    );
    return result.changes === 0 ? null : { rid: Number(result.lastInsertRowid), run };
  }

  update(rid: number, before: RunRecord, after: RunRecord): void {
    if (onlyAdvanced(before, after)) {
      const mark = after.lastAppend;
      this.#advance.run(after.tail, after.lastAt, mark?.n ?? null, mark?.first ?? null, mark?.last ?? null, rid);
    } else {
      this.#replace.run(...mutableValues(after), rid);
    }
  }

  /** When the first unclaimed run of a workflow is due; null when none is scheduled. */
  firstWakeAt(workflowId: string): number | null {
    const row = this.#firstWakeAt.get(this.#namespaceId, workflowId) as { readonly wake_at: number } | undefined;
    return row?.wake_at ?? null;
  }

  /** Rows that fit the condition, which starts after `namespace_id = ? AND`. The statement is prepared once. */
  select(condition: string, values: readonly SQLInputValue[]): readonly StoredRun[] {
    const sql = `SELECT ${runColumns} FROM runs WHERE namespace_id = ? AND ${condition}`;
    let statement = this.#lists.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#lists.set(sql, statement);
    }
    return statement.all(this.#namespaceId, ...values).map((row) => this.#read(row as unknown as RunRow));
  }

  #stored(row: unknown): StoredRun | null {
    return row === undefined ? null : this.#read(row as RunRow);
  }

  #read(row: RunRow): StoredRun {
    const status = statuses.get(row.status);
    invariant(status !== undefined, `run ${row.run_id} has the unknown status number ${row.status}`);
    return {
      rid: row.rid,
      run: {
        runId: row.run_id,
        namespace: this.#namespace,
        key: row.key,
        workflowId: row.workflow_id,
        workflowName: row.workflow_name,
        bundleId: row.bundle_id,
        isolation: row.isolation,
        parentRunId: row.parent_run_id,
        rootRunId: row.root_run_id,
        status,
        tail: row.tail,
        lastAt: row.last_at,
        epoch: row.epoch,
        owner: row.owner,
        lastAppend: lastAppendOf(row),
        parked: parkedOf(row),
        wakeAt: row.wake_at,
        expiries: row.expiries,
        claimTail: row.claim_tail,
        createdAt: row.created_at,
        startedAt: row.started_at,
        endedAt: row.ended_at,
        endedOwner: row.ended_owner,
      },
    };
  }
}

/** True when the change touches none of the columns that an index or a claim looks at. */
function onlyAdvanced(before: RunRecord, after: RunRecord): boolean {
  return (
    before.status === after.status &&
    before.epoch === after.epoch &&
    before.owner === after.owner &&
    before.parked === after.parked &&
    before.wakeAt === after.wakeAt &&
    before.expiries === after.expiries &&
    before.claimTail === after.claimTail &&
    before.startedAt === after.startedAt &&
    before.endedAt === after.endedAt &&
    before.endedOwner === after.endedOwner
  );
}

/** In the order of `mutableColumns`. */
function mutableValues(run: RunRecord): SQLInputValue[] {
  const { lastAppend, parked } = run;
  return [
    statusNumbers[run.status],
    run.tail,
    run.lastAt,
    run.epoch,
    run.owner,
    lastAppend?.n ?? null,
    lastAppend?.first ?? null,
    lastAppend?.last ?? null,
    parked?.reason ?? null,
    parked?.detail ?? null,
    parked?.position ?? null,
    parked?.since ?? null,
    run.wakeAt,
    run.expiries,
    run.claimTail,
    run.startedAt,
    run.endedAt,
    run.endedOwner,
  ];
}

function lastAppendOf(row: RunRow): RunRecord["lastAppend"] {
  if (row.append_n === null || row.append_first === null || row.append_last === null) return null;
  return { n: row.append_n, first: row.append_first, last: row.append_last };
}

function parkedOf(row: RunRow): Parked | null {
  if (row.parked_reason === null) return null;
  return {
    reason: row.parked_reason,
    detail: row.parked_detail ?? "",
    position: row.parked_position,
    since: row.parked_since ?? 0,
  };
}
