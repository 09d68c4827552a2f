/**
 * Changes of runs as the parameters of `write_runs`, and its answer.
 *
 * Owns: what is sent. What a change is judged by and what its answers mean, is said in `run-changes.ts`; which changes
 * travel together, in `write-lane.ts`.
 */
import type { Admitted, LogEvent, RunRecord } from "@perdure/world";
import { bigIntegers, booleans, byteStrings, doubles, integers, texts } from "./binary-arrays.ts";
import type { Queries } from "./database.ts";
import { eventColumns } from "./event-rows.ts";
import { changingValues, fixedValues } from "./run-rows.ts";
import { hashOfKey, toStoredOrNull, toStoredText } from "./stored-text.ts";
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
}

/** What has become of a change; anything but `written` has changed nothing. */
export interface WriteResult {
  readonly outcome: "written" | "stale" | "clock" | "exists" | "tokens";
  /** The store's clock; null when it was not answered. */
  readonly now: number | null;
}

interface WrittenRow {
  readonly outcomes: readonly WriteResult["outcome"][];
  readonly now: number;
}

/** How `write_runs` is called: for one namespace, with the oldest reading of the clock that it takes. */
export class RunWrites {
  readonly #sql: string;
  readonly #namespace: string;
  readonly #clockLagMsMax: number;

  constructor(schema: string, storedNamespace: string, clockLagMsMax: number) {
    const marks = parameterNames.map((name, index) => `p_${name} => $${index + 1}`).join(", ");
    this.#sql = `SELECT outcomes, now FROM ${schema}.write_runs(${marks})`;
    this.#namespace = storedNamespace;
    this.#clockLagMsMax = clockLagMsMax;
  }

  /**
   * Writes changes of different runs, each of them if it may still be written as it was judged. One round trip.
   * `lockTimeoutMs`: how long the statement waits for others before it fails; null: as long as the server lets it.
   */
  async write(
    queries: Queries,
    changes: readonly RunChange[],
    lockTimeoutMs: number | null,
  ): Promise<readonly WriteResult[]> {
    const values: Record<ParameterName, unknown> = {
      namespace: this.#namespace,
      clock_lag_max: this.#clockLagMsMax,
      lock_timeout: lockTimeoutMs,
      ...rowColumns(changes),
      ...tokenColumns(changes),
      ...appendColumns(changes),
    };
    const [row] = await queries.write<WrittenRow>(
      this.#sql,
      parameterNames.map((name) => values[name]),
    );
    return (row?.outcomes ?? []).map((outcome) => ({ outcome, now: row?.now ?? null }));
  }
}

/** The parameters of `write_runs`, which are passed by name. */
const parameterNames = [
  "namespace",
  "clock_lag_max",
  "lock_timeout",
  "run_ids",
  "versions",
  "nows",
  "keys",
  "key_hashes",
  "workflow_ids",
  "workflow_names",
  "bundle_ids",
  "isolations",
  "parent_run_ids",
  "root_run_ids",
  "created_ats",
  "statuses",
  "tails",
  "last_ats",
  "epochs",
  "owners",
  "append_ns",
  "append_firsts",
  "append_lasts",
  "parked_reasons",
  "parked_details",
  "parked_positions",
  "parked_sinces",
  "wake_ats",
  "expiries",
  "claim_tails",
  "started_ats",
  "ended_ats",
  "ended_owners",
  "tokens_free",
  "free_changes",
  "tokens_held",
  "token_holders",
  "drops_all",
  "hooks_dropped",
  "dropped_changes",
  "tokens_taken",
  "token_takers",
  "token_positions",
  "taken_changes",
  "event_epochs",
  "event_keys",
  "event_key_hashes",
  "event_changes",
  "positions",
  "types",
  "correlation_ids",
  "ats",
  "causes",
  "data",
  "payloads",
] as const;

type ParameterName = (typeof parameterNames)[number];

function rowColumns(changes: readonly RunChange[]) {
  const fixed = changes.map(({ run, version }) => (version === null ? fixedValues(run) : null));
  const rows = changes.map(({ run }) => changingValues(run));
  return {
    run_ids: texts(changes.map(({ run }) => toStoredText(run.runId))),
    versions: bigIntegers(changes.map(({ version }) => version)),
    nows: bigIntegers(changes.map(({ storeNow }) => storeNow)),
    keys: texts(fixed.map((row) => row?.key ?? null)),
    key_hashes: byteStrings(fixed.map((row) => row?.key_hash ?? null)),
    workflow_ids: texts(fixed.map((row) => row?.workflow_id ?? null)),
    workflow_names: texts(fixed.map((row) => row?.workflow_name ?? null)),
    bundle_ids: texts(fixed.map((row) => row?.bundle_id ?? null)),
    isolations: texts(fixed.map((row) => row?.isolation ?? null)),
    parent_run_ids: texts(fixed.map((row) => row?.parent_run_id ?? null)),
    root_run_ids: texts(fixed.map((row) => row?.root_run_id ?? null)),
    created_ats: bigIntegers(fixed.map((row) => row?.created_at ?? null)),
    statuses: texts(rows.map((row) => row.status)),
    tails: integers(rows.map((row) => row.tail)),
    last_ats: bigIntegers(rows.map((row) => row.last_at)),
    epochs: integers(rows.map((row) => row.epoch)),
    owners: texts(rows.map((row) => row.owner)),
    append_ns: integers(rows.map((row) => row.append_n)),
    append_firsts: integers(rows.map((row) => row.append_first)),
    append_lasts: integers(rows.map((row) => row.append_last)),
    parked_reasons: texts(rows.map((row) => row.parked_reason)),
    parked_details: texts(rows.map((row) => row.parked_detail)),
    parked_positions: integers(rows.map((row) => row.parked_position)),
    parked_sinces: bigIntegers(rows.map((row) => row.parked_since)),
    wake_ats: doubles(rows.map((row) => row.wake_at)),
    expiries: integers(rows.map((row) => row.expiries)),
    claim_tails: integers(rows.map((row) => row.claim_tail)),
    started_ats: bigIntegers(rows.map((row) => row.started_at)),
    ended_ats: bigIntegers(rows.map((row) => row.ended_at)),
    ended_owners: texts(rows.map((row) => row.ended_owner)),
  };
}

/** A value with the change that it belongs to, counted from 1. */
type Of<T> = readonly [change: number, value: T];

const changesOf = (values: readonly Of<unknown>[]): Buffer | null => integers(values.map(([change]) => change));

function textsOf<T>(values: readonly Of<T>[], select: (value: T) => string): Buffer | null {
  return texts(values.map(([, value]) => toStoredText(select(value))));
}

/** Nulls where there is nothing, which the function skips. */
function tokenColumns(changes: readonly RunChange[]) {
  const free: Of<string>[] = [];
  const held: Of<readonly [tokenHash: string, holder: string]>[] = [];
  const dropped: Of<string>[] = [];
  const taken: Of<TokenChanges["taken"][number]>[] = [];
  const dropsAll = changes.map(({ append, tokens }, index) => {
    if (append === null || tokens === null) return null;
    const change = index + 1;
    const { assumed } = tokens;
    for (const tokenHash of assumed.free) free.push([change, tokenHash]);
    for (const each of assumed.held) held.push([change, each]);
    const changed = tokenChanges(append);
    for (const correlationId of changed.dropped) dropped.push([change, correlationId]);
    for (const token of changed.taken) taken.push([change, token]);
    return changed.droppedAll ? true : null;
  });
  return {
    tokens_free: textsOf(free, (tokenHash) => tokenHash),
    free_changes: changesOf(free),
    tokens_held: textsOf(held, ([tokenHash]) => tokenHash),
    token_holders: textsOf(held, ([, holder]) => holder),
    drops_all: booleans(dropsAll),
    hooks_dropped: textsOf(dropped, (correlationId) => correlationId),
    dropped_changes: changesOf(dropped),
    tokens_taken: textsOf(taken, ({ tokenHash }) => tokenHash),
    token_takers: textsOf(taken, ({ correlationId }) => correlationId),
    token_positions: integers(taken.map(([, { position }]) => position)),
    taken_changes: changesOf(taken),
  };
}

/** All events of an append have one writer, so epoch and key are said once for each change. */
function appendColumns(changes: readonly RunChange[]) {
  const events: LogEvent[] = [];
  const eventChanges: number[] = [];
  const firsts = changes.map(({ append }, index) => {
    for (const event of append?.events ?? []) {
      events.push(event);
      eventChanges.push(index + 1);
    }
    return append?.events[0];
  });
  return {
    event_epochs: integers(firsts.map((event) => event?.epoch ?? null)),
    event_keys: texts(firsts.map((event) => toStoredOrNull(event?.key ?? null))),
    event_key_hashes: byteStrings(firsts.map((event) => (event?.key == null ? null : hashOfKey(event.key)))),
    event_changes: integers(eventChanges),
    ...eventColumns(events),
  };
}
