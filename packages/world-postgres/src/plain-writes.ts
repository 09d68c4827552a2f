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
  readonly #schema: string;
  readonly #namespace: string;
  readonly #clockLagMsMax: number;
  /** The texts of the calls, each made from the parameters of the first one of its kind. */
  readonly #calls = new Map<"creation" | "change", string>();

  constructor(schema: string, storedNamespace: string, clockLagMsMax: number) {
    this.#schema = schema;
    this.#namespace = storedNamespace;
    this.#clockLagMsMax = clockLagMsMax;
  }

  /** Writes a change if it may still be written as it was judged. One round trip. `lockTimeoutMs`: as of `RunWrites`. */
  async write(queries: Queries, change: RunChange, lockTimeoutMs: number | null): Promise<WriteResult> {
    const kind = change.version === null ? "creation" : "change";
    const parameters = {
      namespace: this.#namespace,
      clock_lag_max: this.#clockLagMsMax,
      lock_timeout: lockTimeoutMs,
      ...rowParameters(change),
      ...appendParameters(change),
      ...(kind === "creation" ? fixedParameters(change) : {}),
    };
    const sql = this.#calls.get(kind) ?? callOf(this.#schema, parameters);
    this.#calls.set(kind, sql);
    const [row] = await queries.write<WrittenRow>(sql, Object.values(parameters));
    return { outcome: row?.outcome ?? "stale", now: row?.now ?? null };
  }
}

/** The parameters are passed by name; all calls of a kind have the same ones in the same order. */
function callOf(schema: string, parameters: object): string {
  const marks = Object.keys(parameters).map((name, index) => `p_${name} => $${index + 1}`);
  return `SELECT outcome, now FROM ${schema}.write_run(${marks.join(", ")})`;
}

function rowParameters({ run, version, storeNow }: RunChange) {
  const { lastAppend, parked } = run;
  return {
    run_id: toStoredText(run.runId),
    version,
    now: storeNow,
    status: run.status,
    tail: run.tail,
    last_at: run.lastAt,
    epoch: run.epoch,
    owner: toStoredOrNull(run.owner),
    append_n: lastAppend?.n ?? null,
    append_first: lastAppend?.first ?? null,
    append_last: lastAppend?.last ?? null,
    parked_reason: toStoredOrNull(parked?.reason ?? null),
    parked_detail: toStoredOrNull(parked?.detail ?? null),
    parked_position: parked?.position ?? null,
    parked_since: parked?.since ?? null,
    wake_at: run.wakeAt,
    expiries: run.expiries,
    claim_tail: run.claimTail,
    started_at: run.startedAt,
    ended_at: run.endedAt,
    ended_owner: toStoredOrNull(run.endedOwner),
  };
}

function appendParameters({ append, tokens, jobs }: RunChange) {
  const events = append?.events ?? [];
  return {
    drops_all: append !== null && tokens !== null && tokenChanges(append).droppedAll,
    drops_jobs: jobs?.droppedAll ?? false,
    event_epoch: events[0]?.epoch ?? null,
    ...eventColumns(events),
  };
}

/** What never changes about a run goes with its creation. */
function fixedParameters({ run }: RunChange) {
  return {
    key: toStoredOrNull(run.key),
    key_hash: run.key === null ? null : hashOfKey(run.key),
    workflow_id: toStoredText(run.workflowId),
    workflow_name: toStoredText(run.workflowName),
    bundle_id: toStoredText(run.bundleId),
    isolation: run.isolation,
    parent_run_id: toStoredOrNull(run.parentRunId),
    root_run_id: toStoredText(run.rootRunId),
    created_at: run.createdAt,
  };
}
