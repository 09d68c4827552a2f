/**
 * A run that is created inside of a transaction of the program's own.
 *
 * Whose client it is, what it makes of types and how it binds parameters is not known here. So each statement is a text
 * without parameters, all values of which travel as one JSON in Base64, and each column of an answer is a text.
 */
import { invariant, StoreError } from "@perdure/errors";
import {
  admitCreate,
  type CreateRequest,
  type LogEvent,
  type RunRecord,
  type TransactedCreation,
  type TransactionClient,
} from "@perdure/world";
import { encodeNotification } from "./notices.ts";
import { parameterNames } from "./run-writes.ts";
import type { Store } from "./store.ts";
import { foreignTransactionError } from "./store-errors.ts";
import { fromStoredText, hashOfKey, toStoredOrNull, toStoredText } from "./stored-text.ts";

type Creation = Omit<CreateRequest, "eager">;

/** A transaction that takes longer than the clock may lag between two statements is asked again; see `write_runs`. */
const attemptsMax = 5;

/**
 * In the transactions of PostgreSQL an error is the end, so everything that is to be expected is an answer: a key that is
 * taken, or a reading of the clock that is too old.
 */
export async function createInTransaction(
  store: Store,
  client: TransactionClient,
  request: Creation,
): Promise<TransactedCreation> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const storeNow = await readClock(store, client);
    const [row] = await rowsOf(client, writingSql(store, request, storeNow));
    if (row?.["outcome"] === "written") return { kind: "created", runId: request.runId };
    if (row?.["outcome"] === "exists") return await holderOf(store, client, request);
  }
  throw new StoreError("STORE_UNAVAILABLE", `The store ${store.settings.location} did not take a creation in time.`, {
    hint: "The transaction's client is slow: it took seconds from one statement to the next.",
  });
}

/** The store's clock, as the transaction's own connection reads it, which also shows whose database that is. */
async function readClock(store: Store, client: TransactionClient): Promise<number> {
  const { schema, location } = store.settings;
  const sql = `SELECT value AS incarnation, ${schema}.store_now()::text AS now FROM ${schema}.meta WHERE key = 'incarnation'`;
  const [row] = await rowsOf(client, sql);
  if (row?.["incarnation"] !== store.incarnation) throw foreignTransactionError(location);
  return Number(row["now"]);
}

/** Whose the key is, or the run itself when it was created before under this id. */
async function holderOf(
  store: Store,
  client: TransactionClient,
  { runId, created }: Creation,
): Promise<TransactedCreation> {
  const { schema, namespace } = store.settings;
  const given: Given = {
    namespace: ["text", toStoredText(namespace)],
    run_id: ["text", toStoredText(runId)],
    key_hash: ["bytea", created.key === null ? null : hashOfKey(created.key)],
  };
  const sql = `SELECT r.run_id FROM ${givenSql(given)}, ${schema}.runs r
WHERE r.namespace = g.namespace AND (r.run_id = g.run_id OR r.key_hash = g.key_hash)`;
  const [row] = await rowsOf(client, sql);
  const holder = fromStoredText(String(row?.["run_id"]));
  return { kind: holder === runId ? "created" : "existing", runId: holder };
}

/** The creation as a client's, judged at this moment, and with it the notification that its commit sends. */
function writingSql(store: Store, request: Creation, storeNow: number): string {
  const { schema, namespace, clockLagMsMax } = store.settings;
  const context = { storeNow, tokenOwner: () => null };
  const verdict = admitCreate({ ...request, eager: null }, namespace, context);
  invariant(verdict.kind === "admitted", `the creation of ${request.runId} was refused`);
  const { run, events } = verdict;
  const [event] = events;
  invariant(event !== undefined, `the creation of ${request.runId} writes nothing`);
  const columns = { ...runColumns(run, storeNow), ...eventColumns(event) };
  const notice = { runId: run.runId, settled: false, hint: true, streamed: false };
  const given: Given = {
    namespace: ["text", toStoredText(namespace)],
    clock_lag_max: ["bigint", clockLagMsMax],
    channel: ["text", store.channel],
    notice: ["text", encodeNotification({ from: "", notices: [notice] })],
    ...columns,
  };
  const one = Object.keys(columns).map((name) => `p_${name} => ARRAY[g.${name}]`);
  // The others are about claims, ends, hooks, jobs and keys of senders.
  const unused = parameterNames.filter((name) => !Object.hasOwn(given, name));
  const none = unused.map((name) => `p_${name} => NULL`);
  const parameters = ["p_namespace => g.namespace", "p_clock_lag_max => g.clock_lag_max", ...one, ...none].join(", ");
  return `SELECT w.outcomes[1] AS outcome, CASE WHEN w.outcomes[1] = 'written' AND g.channel IS NOT NULL
THEN pg_notify(g.channel, g.notice)::text END AS told
FROM ${givenSql(given)}, ${schema}.write_runs(${parameters}) w`;
}

async function rowsOf(client: TransactionClient, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { rows } = await client.query(sql);
  return rows as readonly Readonly<Record<string, unknown>>[];
}

/** Values with their types, by name. */
type Given = Readonly<Record<string, readonly [type: string, value: unknown]>>;

/** The parameters of `write_runs` that a creation has, each for its one run. */
function runColumns(run: RunRecord, storeNow: number): Given {
  return {
    run_ids: ["text", toStoredText(run.runId)],
    nows: ["bigint", storeNow],
    keys: ["text", toStoredOrNull(run.key)],
    key_hashes: ["bytea", run.key === null ? null : hashOfKey(run.key)],
    workflow_ids: ["text", toStoredText(run.workflowId)],
    workflow_names: ["text", toStoredText(run.workflowName)],
    bundle_ids: ["text", toStoredText(run.bundleId)],
    isolations: ["text", run.isolation],
    parent_run_ids: ["text", toStoredOrNull(run.parentRunId)],
    root_run_ids: ["text", toStoredText(run.rootRunId)],
    created_ats: ["bigint", run.createdAt],
    statuses: ["text", run.status],
    tails: ["integer", run.tail],
    last_ats: ["bigint", run.lastAt],
    epochs: ["integer", run.epoch],
    wake_ats: ["double precision", run.wakeAt],
    expiries: ["integer", run.expiries],
    claim_tails: ["integer", run.claimTail],
  };
}

function eventColumns(event: LogEvent): Given {
  return {
    event_changes: ["integer", 1],
    positions: ["integer", event.position],
    types: ["text", event.type],
    correlation_ids: ["text", null],
    ats: ["bigint", event.at],
    causes: ["integer", null],
    data: ["text", JSON.stringify(event.data)],
    payloads: ["bytea", event.payload],
  };
}

/** The values as one row `g`, in a text that holds nothing which would have to be quoted. */
function givenSql(given: Given): string {
  const columns = Object.entries(given).map(([name, [type]]) => `${name} ${type}`);
  const plain = Object.entries(given).map(([name, [, value]]) => [
    name,
    value instanceof Uint8Array ? hexOf(value) : value,
  ]);
  const encoded = Buffer.from(JSON.stringify(Object.fromEntries(plain))).toString("base64");
  return `json_to_record(convert_from(decode('${encoded}', 'base64'), 'UTF8')::json) AS g(${columns.join(", ")})`;
}

const hexOf = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString("hex")}`;
