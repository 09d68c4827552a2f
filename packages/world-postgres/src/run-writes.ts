/**
 * Changes of runs as the parameters of `write_runs`, and its answer.
 *
 * Owns: what is sent. What a change is judged by and what its answers mean, is said in `run-changes.ts`; which changes
 * travel together, in `write-lane.ts`.
 */
import type { Admitted, JobChanges, JobDelivery, LogEvent, RunRecord, StepJob } from "@perdure/world";
import { bigIntegers, booleans, byteStrings, doubles, integers, texts } from "./binary-arrays.ts";
import type { Queries } from "./database.ts";
import { eventColumns } from "./event-rows.ts";
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
  /** What the append does to jobs. */
  readonly jobs: JobChanges | null;
}

/** What has become of a change; anything but `written` has changed nothing. */
export interface WriteResult {
  readonly outcome: "written" | "stale" | "clock" | "exists" | "tokens" | "jobs" | "bundle";
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
      ...jobColumns(changes),
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
  "parked_times",
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
  "drops_jobs",
  "jobs_reported",
  "job_attempts",
  "job_deliveries",
  "retry_attempts",
  "retry_times",
  "report_changes",
  "jobs_added",
  "job_steps",
  "job_positions",
  "job_times",
  "added_changes",
  "event_epochs",
  "event_changes",
  "positions",
  "types",
  "correlation_ids",
  "ats",
  "causes",
  "event_keys",
  "event_key_hashes",
  "data",
  "payloads",
] as const;

type ParameterName = (typeof parameterNames)[number];

const isCreation = ({ version }: RunChange): boolean => version === null;

function rowColumns(changes: readonly RunChange[]) {
  return {
    ...fixedColumns(changes.some(isCreation) ? changes : []),
    run_ids: texts(changes, ({ run }) => toStoredText(run.runId)),
    versions: bigIntegers(changes, ({ version }) => version),
    nows: bigIntegers(changes, ({ storeNow }) => storeNow),
    statuses: texts(changes, ({ run }) => run.status),
    tails: integers(changes, ({ run }) => run.tail),
    last_ats: bigIntegers(changes, ({ run }) => run.lastAt),
    epochs: integers(changes, ({ run }) => run.epoch),
    owners: texts(changes, ({ run }) => toStoredOrNull(run.owner)),
    append_ns: integers(changes, ({ run }) => run.lastAppend?.n ?? null),
    append_firsts: integers(changes, ({ run }) => run.lastAppend?.first ?? null),
    append_lasts: integers(changes, ({ run }) => run.lastAppend?.last ?? null),
    parked_reasons: texts(changes, ({ run }) => toStoredOrNull(run.parked?.reason ?? null)),
    parked_details: texts(changes, ({ run }) => toStoredOrNull(run.parked?.detail ?? null)),
    parked_positions: integers(changes, ({ run }) => run.parked?.position ?? null),
    parked_times: bigIntegers(changes, ({ run }) => run.parked?.since ?? null),
    wake_ats: doubles(changes, ({ run }) => run.wakeAt),
    expiries: integers(changes, ({ run }) => run.expiries),
    claim_tails: integers(changes, ({ run }) => run.claimTail),
    started_ats: bigIntegers(changes, ({ run }) => run.startedAt),
    ended_ats: bigIntegers(changes, ({ run }) => run.endedAt),
    ended_owners: texts(changes, ({ run }) => toStoredOrNull(run.endedOwner)),
  };
}

/** What never changes about a run goes with its creation. Nulls when there are no changes. */
function fixedColumns(changes: readonly RunChange[]) {
  const created = (change: RunChange): RunRecord | null => (isCreation(change) ? change.run : null);
  const textOf = (select: (run: RunRecord) => string | null): Buffer | null =>
    texts(changes, (change) => {
      const run = created(change);
      return run === null ? null : toStoredOrNull(select(run));
    });
  return {
    keys: textOf(({ key }) => key),
    key_hashes: byteStrings(changes, (change) => {
      const key = created(change)?.key ?? null;
      return key === null ? null : hashOfKey(key);
    }),
    workflow_ids: textOf(({ workflowId }) => workflowId),
    workflow_names: textOf(({ workflowName }) => workflowName),
    bundle_ids: textOf(({ bundleId }) => bundleId),
    isolations: textOf(({ isolation }) => isolation),
    parent_run_ids: textOf(({ parentRunId }) => parentRunId),
    root_run_ids: textOf(({ rootRunId }) => rootRunId),
    created_ats: bigIntegers(changes, (change) => created(change)?.createdAt ?? null),
  };
}

/** A value with the change that it belongs to, counted from 1. */
type Of<T> = readonly [change: number, value: T];

const changesOf = (values: readonly Of<unknown>[]): Buffer | null => integers(values, ([change]) => change);

const textsOf = <T>(values: readonly Of<T>[], select: (value: T) => string): Buffer | null =>
  texts(values, ([, value]) => toStoredText(select(value)));

/** Nulls where there is nothing, which the function skips. */
function tokenColumns(changes: readonly RunChange[]) {
  const free: Of<string>[] = [];
  const held: Of<readonly [tokenHash: string, holder: string]>[] = [];
  const dropped: Of<string>[] = [];
  const taken: Of<TokenChanges["taken"][number]>[] = [];
  const droppingAll = new Set<RunChange>();
  for (const [index, change] of changes.entries()) {
    const { append, tokens } = change;
    if (append === null || tokens === null) continue;
    const number = index + 1;
    const { assumed } = tokens;
    for (const tokenHash of assumed.free) free.push([number, tokenHash]);
    for (const each of assumed.held) held.push([number, each]);
    const changed = tokenChanges(append);
    for (const correlationId of changed.dropped) dropped.push([number, correlationId]);
    for (const token of changed.taken) taken.push([number, token]);
    if (changed.droppedAll) droppingAll.add(change);
  }
  return {
    tokens_free: textsOf(free, (tokenHash) => tokenHash),
    free_changes: changesOf(free),
    tokens_held: textsOf(held, ([tokenHash]) => tokenHash),
    token_holders: textsOf(held, ([, holder]) => holder),
    drops_all: booleans(changes, (change) => droppingAll.has(change) || null),
    hooks_dropped: textsOf(dropped, (correlationId) => correlationId),
    dropped_changes: changesOf(dropped),
    tokens_taken: textsOf(taken, ({ tokenHash }) => tokenHash),
    token_takers: textsOf(taken, ({ correlationId }) => correlationId),
    token_positions: integers(taken, ([, { position }]) => position),
    taken_changes: changesOf(taken),
  };
}

/** A job that a change reports on: the delivery that is over, and the next attempt if there is to be one. */
interface JobReport {
  readonly over: JobDelivery;
  readonly next: StepJob | null;
}

/** In the order of the steps' ids, in which their rows are locked. */
function reportsOf({ jobs }: RunChange): readonly JobReport[] {
  if (jobs === null || jobs.done.length + jobs.retried.length === 0) return [];
  const done = jobs.done.map((over) => ({ over, next: null }));
  const retried = jobs.retried.map(({ failed, next }) => ({ over: failed, next }));
  return [...done, ...retried].sort((a, b) => compareTexts(a.over.correlationId, b.over.correlationId));
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** Nulls where there is nothing, as mostly. */
function jobColumns(changes: readonly RunChange[]) {
  const added: Of<StepJob>[] = [];
  const reports: Of<JobReport>[] = [];
  for (const [index, change] of changes.entries()) {
    for (const job of change.jobs?.added ?? []) added.push([index + 1, job]);
    for (const report of reportsOf(change)) reports.push([index + 1, report]);
  }
  return {
    drops_jobs: booleans(changes, ({ jobs }) => jobs?.droppedAll || null),
    jobs_reported: textsOf(reports, ({ over }) => over.correlationId),
    job_attempts: integers(reports, ([, { over }]) => over.attempt),
    job_deliveries: integers(reports, ([, { over }]) => over.delivery),
    retry_attempts: integers(reports, ([, { next }]) => next?.attempt ?? null),
    retry_times: doubles(reports, ([, { next }]) => next?.readyAt ?? null),
    report_changes: changesOf(reports),
    jobs_added: textsOf(added, ({ correlationId }) => correlationId),
    job_steps: textsOf(added, ({ stepId }) => stepId),
    job_positions: integers(added, ([, { position }]) => position),
    job_times: doubles(added, ([, { readyAt }]) => readyAt),
    added_changes: changesOf(added),
  };
}

/** The events of a change are all a driver's of one claim, or nobody's: so the epoch is said once for each change. */
function appendColumns(changes: readonly RunChange[]) {
  const events: LogEvent[] = [];
  const numbers: number[] = [];
  for (const [index, { append }] of changes.entries()) {
    for (const event of append?.events ?? []) {
      events.push(event);
      numbers.push(index + 1);
    }
  }
  return {
    event_epochs: integers(changes, ({ append }) => append?.events[0]?.epoch ?? null),
    event_changes: integers(numbers, (number) => number),
    ...eventColumns(events),
  };
}
