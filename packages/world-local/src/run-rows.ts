/**
 * The `runs` table: one row per run, read and written as `RunRecord`.
 *
 * Owns: the mapping of columns, the number of each status, the checksum of a row, and which of two updates a change
 * needs. The smaller one leaves every index alone; it is what a driver's ordinary append takes.
 *
 * L7: a row that does not match its checksum is shown to readers as a parked run, so that one of them spoils no list, and
 * is nobody's to write to.
 */
import { UndecodableError } from "@perdure/errors";
import type { Parked, ParkReason, RunRecord, RunStatus } from "@perdure/world";
import { sumOf } from "./row-sum.ts";
import { allRows, type DatabaseSync, firstRow, type SQLInputValue, type StatementSync } from "./sqlite.ts";

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

/** A row as it was found. */
export interface FoundRun extends StoredRun {
  /** The row is not as it was written; `run` is parked, and shows what the columns hold. */
  readonly isDamaged: boolean;
}

/** A row of the table. */
export interface RunRow {
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
  readonly sum: number;
}

const fixedColumns = [
  "run_id",
  "key",
  "workflow_id",
  "workflow_name",
  "bundle_id",
  "isolation",
  "parent_run_id",
  "root_run_id",
  "created_at",
] as const;
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

const summedColumns = [...fixedColumns, ...mutableColumns] as const;
const runColumns = `rid, ${summedColumns.join(", ")}, sum`;

const damagedReason = "undecodable" satisfies ParkReason;
const damagedDetail = "The row of this run in the store is damaged: it does not match its checksum.";

export class RunRows {
  readonly #db: DatabaseSync;
  readonly #namespace: string;
  readonly #namespaceId: number;
  readonly #byId: StatementSync;
  readonly #byRid: StatementSync;
  readonly #byKey: StatementSync;
  readonly #insert: StatementSync;
  readonly #advance: StatementSync;
  readonly #replace: StatementSync;
  readonly #parkDamaged: StatementSync;
  readonly #firstWakeAt: StatementSync;
  readonly #lists = new Map<string, StatementSync>();

  constructor(db: DatabaseSync, namespace: string, namespaceId: number) {
    this.#db = db;
    this.#namespace = namespace;
    this.#namespaceId = namespaceId;
    this.#byId = db.prepare(`SELECT ${runColumns} FROM runs WHERE run_id = ? AND namespace_id = ?`);
    this.#byRid = db.prepare(`SELECT ${runColumns} FROM runs WHERE rid = ? AND namespace_id = ?`);
    this.#byKey = db.prepare(`SELECT ${runColumns} FROM runs WHERE namespace_id = ? AND key = ?`);
    const marks = "?, ".repeat(summedColumns.length);
    this.#insert = db.prepare(
      `INSERT INTO runs (${summedColumns.join(", ")}, namespace_id, sum) VALUES (${marks}?, ?) ON CONFLICT DO NOTHING`,
    );
    this.#advance = db.prepare(
      "UPDATE runs SET tail = ?, last_at = ?, append_n = ?, append_first = ?, append_last = ?, sum = ? WHERE rid = ?",
    );
    this.#replace = db.prepare(
      `UPDATE runs SET ${mutableColumns.map((column) => `${column} = ?`).join(", ")}, sum = ? WHERE rid = ?`,
    );
    // Out of every driver's hands, and its checksum still does not match.
    this.#parkDamaged = db.prepare(
      "UPDATE runs SET owner = NULL, parked_reason = ?, parked_detail = ?, parked_since = ? WHERE rid = ?",
    );
    this.#firstWakeAt = db.prepare(
      `SELECT wake_at FROM runs WHERE namespace_id = ? AND workflow_id = ? AND ${unclaimed} ORDER BY wake_at LIMIT 1`,
    );
  }

  byId(runId: string): FoundRun | null {
    return this.#found(firstRow(this.#byId, runId, this.#namespaceId));
  }

  /** By the key in the file. */
  byRid(rid: number): FoundRun | null {
    return this.#found(firstRow(this.#byRid, rid, this.#namespaceId));
  }

  byKey(key: string): FoundRun | null {
    return this.#found(firstRow(this.#byKey, this.#namespaceId, key));
  }

  /** Null when the run id or the key is taken; then nothing was written. */
  insert(run: RunRecord): StoredRun | null {
    const fixed = fixedValues(run);
    const mutable = mutableValues(run);
    const sum = sumOf([this.#namespaceId, ...fixed, ...mutable]);
    const result = this.#insert.run(...fixed, ...mutable, this.#namespaceId, sum);
    return result.changes === 0 ? null : { rid: Number(result.lastInsertRowid), run };
  }

  update(rid: number, before: RunRecord, after: RunRecord): void {
    const mutable = mutableValues(after);
    const sum = sumOf([this.#namespaceId, ...fixedValues(after), ...mutable]);
    if (onlyAdvanced(before, after)) {
      const mark = after.lastAppend;
      this.#advance.run(after.tail, after.lastAt, mark?.n ?? null, mark?.first ?? null, mark?.last ?? null, sum, rid);
    } else {
      this.#replace.run(...mutable, sum, rid);
    }
  }

  /** Take a damaged run out of the way of the others. */
  parkDamaged(rid: number, since: number): void {
    this.#parkDamaged.run(damagedReason, damagedDetail, since, rid);
  }

  /** When the first unclaimed run of a workflow is due; null when none is scheduled. */
  firstWakeAt(workflowId: string): number | null {
    const row = firstRow(this.#firstWakeAt, this.#namespaceId, workflowId) as { readonly wake_at: number } | undefined;
    return row?.wake_at ?? null;
  }

  /** Rows that fit the condition, which starts after `namespace_id = ? AND`. The statement is prepared once. */
  select(condition: string, values: readonly SQLInputValue[]): readonly FoundRun[] {
    const sql = `SELECT ${runColumns} FROM runs WHERE namespace_id = ? AND ${condition}`;
    let statement = this.#lists.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#lists.set(sql, statement);
    }
    return allRows(statement, this.#namespaceId, ...values).map((row) => this.#read(row as RunRow));
  }

  #found(row: unknown): FoundRun | null {
    return row === undefined ? null : this.#read(row as RunRow);
  }

  #read(row: RunRow): FoundRun {
    const status = statuses.get(row.status);
    const isDamaged = status === undefined || sumOfRun(this.#namespaceId, row) !== row.sum;
    return {
      rid: row.rid,
      isDamaged,
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
        status: status ?? "running",
        tail: row.tail,
        lastAt: row.last_at,
        epoch: row.epoch,
        owner: row.owner,
        lastAppend: lastAppendOf(row),
        parked: isDamaged ? damagedParked(row) : parkedOf(row),
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

/** The checksum of a row: of the namespace and all columns but the key, which the index by id leads to. */
export function sumOfRun(namespaceId: number, row: RunRow): number {
  return sumOf([namespaceId, ...summedColumns.map((column) => row[column])]);
}

/** For whoever would change a run whose row cannot be trusted. */
export function damagedRunError(runId: string): UndecodableError {
  return new UndecodableError(damagedDetail, { where: { runId }, hint: "Restore the store from a backup." });
}

type Value = string | number | null;

/** In the order of `fixedColumns`. */
function fixedValues(run: RunRecord): Value[] {
  return [
    run.runId,
    run.key,
    run.workflowId,
    run.workflowName,
    run.bundleId,
    run.isolation,
    run.parentRunId,
    run.rootRunId,
    run.createdAt,
  ];
}

/** In the order of `mutableColumns`. */
function mutableValues(run: RunRecord): Value[] {
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

function damagedParked(row: RunRow): Parked {
  return { reason: damagedReason, detail: damagedDetail, position: null, since: row.parked_since ?? row.created_at };
}
