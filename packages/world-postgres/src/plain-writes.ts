/**
 * A plain change of one run as the parameters of `write_run`, which does for less what `write_runs` does for many.
 *
 * Owns: which changes are plain, and what is sent of them.
 */
import type { Queries } from "./database.ts";
import { eventColumns } from "./event-rows.ts";
import type { RunChange, WriteResult } from "./run-writes.ts";
import { hashOfKey, toStoredOrNull, toStoredText } from "./stored-text.ts";
import { tokenChanges } from "./token-changes.ts";

/** Whether a change leaves tokens and jobs alone, or drops all of the run's, as its end does. */
export function isPlain({ append, tokens, jobs }: RunChange): boolean {
  if (append === null) return true;
  if (jobs !== null && jobs.added.length + jobs.done.length + jobs.retried.length > 0) return false;
  if (tokens === null) return true;
  const { dropped, taken } = tokenChanges(append);
  return tokens.asked.length + dropped.length + taken.length === 0;
}

interface WrittenRow {
  readonly outcome: WriteResult["outcome"];
  readonly now: number;
}

/** How `write_run` is called: for one namespace, with the oldest reading of the clock that it takes. */
export class PlainWrites {
  readonly #changeSql: string;
  readonly #creationSql: string;
  readonly #namespace: string;
  readonly #clockLagMsMax: number;

  constructor(schema: string, storedNamespace: string, clockLagMsMax: number) {
    this.#changeSql = callOf(schema, [...ownNames, ...changeNames]);
    this.#creationSql = callOf(schema, [...ownNames, ...changeNames, ...fixedNames]);
    this.#namespace = storedNamespace;
    this.#clockLagMsMax = clockLagMsMax;
  }

  /** Writes a change if it may still be written as it was judged. One round trip. `lockTimeoutMs`: as of `RunWrites`. */
  async write(queries: Queries, change: RunChange, lockTimeoutMs: number | null): Promise<WriteResult> {
    const isCreation = change.version === null;
    const values = [this.#namespace, this.#clockLagMsMax, lockTimeoutMs, ...changeValues(change)];
    if (isCreation) values.push(...fixedValues(change));
    const [row] = await queries.write<WrittenRow>(isCreation ? this.#creationSql : this.#changeSql, values);
    return { outcome: row?.outcome ?? "stale", now: row?.now ?? null };
  }
}

function callOf(schema: string, names: readonly string[]): string {
  const marks = names.map((name, index) => `p_${name} => $${index + 1}`).join(", ");
  return `SELECT outcome, now FROM ${schema}.write_run(${marks})`;
}

const ownNames = ["namespace", "clock_lag_max", "lock_timeout"];

/** As {@link changeValues} are, in their order. */
const changeNames = [
  "run_id",
  "version",
  "now",
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
  "drops_all",
  "drops_jobs",
  "event_epoch",
  "positions",
  "types",
  "correlation_ids",
  "ats",
  "causes",
  "event_keys",
  "event_key_hashes",
  "data",
  "payloads",
];

function changeValues(change: RunChange): unknown[] {
  const { run, append, jobs } = change;
  const { lastAppend, parked } = run;
  const events = append?.events ?? [];
  const columns = eventColumns(events);
  return [
    toStoredText(run.runId),
    change.version,
    change.storeNow,
    run.status,
    run.tail,
    run.lastAt,
    run.epoch,
    toStoredOrNull(run.owner),
    lastAppend?.n ?? null,
    lastAppend?.first ?? null,
    lastAppend?.last ?? null,
    toStoredOrNull(parked?.reason ?? null),
    toStoredOrNull(parked?.detail ?? null),
    parked?.position ?? null,
    parked?.since ?? null,
    run.wakeAt,
    run.expiries,
    run.claimTail,
    run.startedAt,
    run.endedAt,
    toStoredOrNull(run.endedOwner),
    append !== null && change.tokens !== null && tokenChanges(append).droppedAll,
    jobs?.droppedAll ?? false,
    events[0]?.epoch ?? null,
    columns.positions,
    columns.types,
    columns.correlation_ids,
    columns.ats,
    columns.causes,
    columns.event_keys,
    columns.event_key_hashes,
    columns.data,
    columns.payloads,
  ];
}

/** As {@link fixedValues} are, in their order. */
const fixedNames = [
  "key",
  "key_hash",
  "workflow_id",
  "workflow_name",
  "bundle_id",
  "isolation",
  "parent_run_id",
  "root_run_id",
  "created_at",
];

/** What never changes about a run goes with its creation. */
function fixedValues({ run }: RunChange): unknown[] {
  return [
    toStoredOrNull(run.key),
    run.key === null ? null : hashOfKey(run.key),
    toStoredText(run.workflowId),
    toStoredText(run.workflowName),
    toStoredText(run.bundleId),
    run.isolation,
    toStoredOrNull(run.parentRunId),
    toStoredText(run.rootRunId),
    run.createdAt,
  ];
}
