/**
 * The `runs` table as `RunRecord`s: the columns, how a row becomes a record and back, and the statements that read rows.
 */
import type { Parked, RunRecord, RunStatus } from "@perdure/world";
import { fromStoredOrNull, fromStoredText } from "./stored-text.ts";

/** A run's row with the count of its changes, by which `write_runs` knows that it is still the one that was read. */
export interface VersionedRun {
  readonly run: RunRecord;
  readonly version: number;
}

/** A row as it is selected by {@link runColumns}. */
export interface RunRow {
  readonly run_id: string;
  readonly version: number;
  readonly key: string | null;
  readonly workflow_id: string;
  readonly workflow_name: string;
  readonly bundle_id: string;
  readonly isolation: RunRecord["isolation"];
  readonly parent_run_id: string | null;
  readonly root_run_id: string;
  readonly created_at: number;
  readonly status: RunStatus;
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

const readColumns = [
  "run_id",
  "version",
  "key",
  "workflow_id",
  "workflow_name",
  "bundle_id",
  "isolation",
  "parent_run_id",
  "root_run_id",
  "created_at",
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
] as const satisfies readonly (keyof RunRow)[];

/** The columns of a {@link RunRow}, of the table or alias `r`. */
export const runColumns = readColumns.map((column) => `r.${column}`).join(", ");

/** Spelled as the partial index `runs_due` is, so that the planner uses it. Of the table or alias `r`. */
export const unclaimed = "r.owner IS NULL AND r.parked_reason IS NULL AND r.wake_at IS NOT NULL";

/** True of every row. Spelled as the indexes of lists are, so that the planner uses them. Of the table or alias `r`. */
export const listed = "r.created_at >= -9007199254740991";

/** True of rows that nothing more is to be waited for: ended or parked. Of the table or alias `r`. */
export const settled = "(r.ended_at IS NOT NULL OR r.parked_reason IS NOT NULL)";

export function versionedRun(row: RunRow, namespace: string): VersionedRun {
  const run: RunRecord = {
    runId: fromStoredText(row.run_id),
    namespace,
    key: fromStoredOrNull(row.key),
    workflowId: fromStoredText(row.workflow_id),
    workflowName: fromStoredText(row.workflow_name),
    bundleId: fromStoredText(row.bundle_id),
    isolation: row.isolation,
    parentRunId: fromStoredOrNull(row.parent_run_id),
    rootRunId: fromStoredText(row.root_run_id),
    status: row.status,
    tail: row.tail,
    lastAt: row.last_at,
    epoch: row.epoch,
    owner: fromStoredOrNull(row.owner),
    lastAppend: lastAppendOf(row),
    parked: parkedOf(row),
    wakeAt: row.wake_at,
    expiries: row.expiries,
    claimTail: row.claim_tail,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    endedOwner: fromStoredOrNull(row.ended_owner),
  };
  return { run, version: row.version };
}

function lastAppendOf(row: RunRow): RunRecord["lastAppend"] {
  if (row.append_n === null || row.append_first === null || row.append_last === null) return null;
  return { n: row.append_n, first: row.append_first, last: row.append_last };
}

function parkedOf(row: RunRow): Parked | null {
  if (row.parked_reason === null) return null;
  return {
    reason: fromStoredText(row.parked_reason),
    detail: fromStoredText(row.parked_detail ?? ""),
    position: row.parked_position,
    since: row.parked_since ?? 0,
  };
}
