/**
 * Reading and writing single runs: the statements, and nothing of what they are for.
 *
 * Owns: the call of `write_run` and what its answers mean, the look-up of rows, keys and tokens.
 */
import type { Admitted, JobChanges, LogEvent, OpenHook, RunRecord } from "@perdure/world";
import type { Queries } from "./database.ts";
import { eventArrays } from "./event-rows.ts";
import { jobsParameter } from "./job-rows.ts";
import {
  changingTypes,
  changingValues,
  fixedValues,
  type RunRow,
  runColumns,
  type VersionedRun,
  versionedRun,
} from "./run-rows.ts";
import { sqlState, sqlStateOf } from "./store-errors.ts";
import { fromStoredText, hashOfKey, toStoredText } from "./stored-text.ts";
import { type TokenChanges, type TokenOwners, tokenChanges } from "./token-changes.ts";

/** A change of one run that the rules have admitted. */
export interface RunChange {
  readonly run: RunRecord;
  /** The version of the row that was judged; null: the run is created. */
  readonly version: number | null;
  /** The reading of the store's clock that was judged by; null: none was needed. */
  readonly storeNow: number | null;
  /** The events to append, if the change is an append. */
  readonly append: Admitted | null;
  readonly tokens: TokenOwners | null;
  /** What the append does to jobs. */
  readonly jobs: JobChanges | null;
}

/** What {@link RunStore.write} has done; anything but `written` has changed nothing. */
export interface WriteResult {
  readonly outcome: "written" | "stale" | "clock" | "exists" | "tokens" | "jobs";
  /** The store's clock; null when it was not answered. */
  readonly now: number | null;
}

/** A run as it was read just now. */
export interface LoadedRun {
  readonly stored: VersionedRun;
  readonly storeNow: number;
  /** The position that the outside key has written, if it was asked for and used before. */
  readonly writtenBefore: number | null;
}

type LoadedRow = RunRow & { readonly now: number; readonly written_before: number | null };

export class RunStore {
  readonly #namespace: string;
  readonly #storedNamespace: string;
  readonly #clockLagMsMax: number;
  readonly #sql: ReturnType<typeof statements>;

  constructor(schema: string, namespace: string, clockLagMsMax: number) {
    this.#namespace = namespace;
    this.#storedNamespace = toStoredText(namespace);
    this.#clockLagMsMax = clockLagMsMax;
    this.#sql = statements(schema);
  }

  /** The row as it is, with the store's clock; null when there is no such run. */
  async load(queries: Queries, runId: string, outsideKey: string | null = null): Promise<LoadedRun | null> {
    const hash = outsideKey === null ? null : hashOfKey(outsideKey);
    return this.#loaded(queries, this.#sql.byId, [this.#storedNamespace, toStoredText(runId), hash]);
  }

  /** The run that holds a key. */
  async loadByKey(queries: Queries, key: string): Promise<LoadedRun | null> {
    return this.#loaded(queries, this.#sql.byKey, [this.#storedNamespace, hashOfKey(key), null]);
  }

  /** Keeps every other writer of a run waiting until the transaction ends. */
  async lock(queries: Queries, runId: string): Promise<void> {
    await queries.read(this.#sql.lock, [this.#storedNamespace, toStoredText(runId)]);
  }

  async #loaded(queries: Queries, sql: string, values: readonly unknown[]): Promise<LoadedRun | null> {
    const [row] = await queries.read<LoadedRow>(sql, values);
    if (row === undefined) return null;
    return { stored: versionedRun(row, this.#namespace), storeNow: row.now, writtenBefore: row.written_before };
  }

  async now(queries: Queries): Promise<number> {
    const [row] = await queries.read<{ readonly now: number }>(this.#sql.now, []);
    return row?.now ?? Number.NaN;
  }

  /** The open hook that holds a token. */
  async findToken(queries: Queries, tokenHash: string): Promise<OpenHook | null> {
    const values = [this.#storedNamespace, [toStoredText(tokenHash)]];
    const [row] = await queries.read<TokenRow>(this.#sql.tokens, values);
    if (row === undefined) return null;
    const { run_id, correlation_id, position } = row;
    return { runId: fromStoredText(run_id), correlationId: fromStoredText(correlation_id), position };
  }

  /** The runs that hold some of these tokens, by token hash. */
  async tokenHolders(queries: Queries, hashes: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const values = [this.#storedNamespace, hashes.map(toStoredText)];
    const rows = await queries.read<TokenRow>(this.#sql.tokens, values);
    return new Map(rows.map((row) => [fromStoredText(row.token_hash), fromStoredText(row.run_id)]));
  }

  /** Write a change, if it may still be written as it was judged. One round trip. */
  async write(queries: Queries, change: RunChange): Promise<WriteResult> {
    const { run, version, storeNow, append, tokens, jobs } = change;
    const parameters: Record<WriteParameter, unknown> = {
      ...(version === null ? fixedValues(run) : {}),
      ...changingValues(run),
      ...(append === null ? {} : appendParameters(append.events)),
      ...(append === null || tokens === null ? {} : tokenParameters(tokenChanges(append), tokens)),
      namespace: this.#storedNamespace,
      run_id: toStoredText(run.runId),
      version,
      now: storeNow,
      clock_lag_max: this.#clockLagMsMax,
      jobs: jobs === null ? null : jobsParameter(jobs),
    } as Record<WriteParameter, unknown>;
    const values = writeParameters.map((name) => parameters[name] ?? null);
    try {
      const [row] = await queries.write<WriteResult>(this.#sql.write, values);
      return row ?? { outcome: "stale", now: null };
    } catch (error) {
      const state = sqlStateOf(error);
      if (state === sqlState.jobsMoved) return { outcome: "jobs", now: null };
      if (state !== sqlState.tokensMoved) throw error;
      return { outcome: "tokens", now: null };
    }
  }

  /** Write rows that were locked by this transaction, and that no event goes with. */
  async replace(queries: Queries, runs: readonly RunRecord[]): Promise<void> {
    const rows = runs.map(changingValues);
    const columns = changingColumns.map((column) => rows.map((row) => row[column]));
    const ids = runs.map(({ runId }) => toStoredText(runId));
    await queries.write(this.#sql.replace, [this.#storedNamespace, ids, ...columns]);
  }
}

interface TokenRow {
  readonly token_hash: string;
  readonly run_id: string;
  readonly correlation_id: string;
  readonly position: number;
}

const changingColumns = Object.keys(changingTypes) as (keyof typeof changingTypes)[];

/** The parameters of `write_run`, which are passed by name. */
const writeParameters = [
  "namespace",
  "run_id",
  "version",
  "now",
  "clock_lag_max",
  "key",
  "key_hash",
  "workflow_id",
  "workflow_name",
  "bundle_id",
  "isolation",
  "parent_run_id",
  "root_run_id",
  "created_at",
  ...changingColumns,
  "tokens_free",
  "tokens_held",
  "token_holders",
  "tokens_dropped_all",
  "tokens_dropped",
  "tokens_taken",
  "token_takers",
  "token_positions",
  "first",
  "event_epoch",
  "event_key",
  "event_key_hash",
  "types",
  "correlation_ids",
  "ats",
  "causes",
  "data",
  "starts",
  "lengths",
  "payloads",
  "jobs",
] as const;

type WriteParameter = (typeof writeParameters)[number];

function statements(schema: string) {
  const load = `SELECT ${runColumns}, ${schema}.store_now() AS now, (SELECT e.position FROM ${schema}.events e
WHERE e.namespace = r.namespace AND e.run_id = r.run_id AND e.key_hash = $3::bytea) AS written_before FROM ${schema}.runs r`;
  const marks = writeParameters.map((name, index) => `p_${name} => $${index + 1}`).join(", ");
  const sets = changingColumns.map((column) => `${column} = x.${column}`).join(", ");
  const arrays = changingColumns.map((column, index) => `$${index + 3}::${changingTypes[column]}[]`).join(", ");
  return {
    byId: `${load} WHERE r.namespace = $1 AND r.run_id = $2`,
    byKey: `${load} WHERE r.namespace = $1 AND r.key_hash = $2`,
    lock: `SELECT 1 FROM ${schema}.runs r WHERE r.namespace = $1 AND r.run_id = $2 FOR UPDATE`,
    now: `SELECT ${schema}.store_now() AS now`,
    tokens: `SELECT token_hash, run_id, correlation_id, position FROM ${schema}.hook_tokens
WHERE namespace = $1 AND token_hash = ANY ($2::text[])`,
    write: `SELECT outcome, now FROM ${schema}.write_run(${marks})`,
    replace: `UPDATE ${schema}.runs r SET version = r.version + 1, ${sets}
FROM unnest($2::text[], ${arrays}) AS x(run_id, ${changingColumns.join(", ")})
WHERE r.namespace = $1 AND r.run_id = x.run_id`,
  };
}

/** All events of an append have one writer, so epoch and key are said once. */
function appendParameters(events: readonly LogEvent[]) {
  const [first] = events;
  if (first === undefined) return {};
  return {
    ...eventArrays(events),
    first: first.position,
    event_epoch: first.epoch,
    event_key: first.key === null ? null : toStoredText(first.key),
    event_key_hash: first.key === null ? null : hashOfKey(first.key),
  };
}

/** Nulls where there is nothing, which the function skips. */
function tokenParameters({ droppedAll, dropped, taken }: TokenChanges, tokens: TokenOwners) {
  const { free, held } = tokens.assumed;
  return {
    tokens_free: textsOrNull(free),
    tokens_held: textsOrNull(held.map(([tokenHash]) => tokenHash)),
    token_holders: textsOrNull(held.map(([, holder]) => holder)),
    tokens_dropped_all: droppedAll,
    tokens_dropped: textsOrNull(dropped),
    tokens_taken: textsOrNull(taken.map(({ tokenHash }) => tokenHash)),
    token_takers: textsOrNull(taken.map(({ correlationId }) => correlationId)),
    token_positions: taken.length === 0 ? null : taken.map(({ position }) => position),
  };
}

const textsOrNull = (texts: readonly string[]) => (texts.length === 0 ? null : texts.map(toStoredText));
