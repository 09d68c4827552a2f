/**
 * A run that is created inside of a transaction of the program's own.
 *
 * Whose client it is, what it makes of types and how it binds parameters is not known here. So each statement is a text
 * without parameters, all values of which travel as one JSON in Base64, and each column of an answer is a text.
 */
import { invariant, StoreError } from "@perdure/errors";
import { admitCreate, type CreateRequest, type TransactedCreation, type TransactionClient } from "@perdure/world";
import { eventArrays } from "./event-rows.ts";
import { encodeNotification } from "./notices.ts";
import { changingTypes, changingValues, fixedValues } from "./run-rows.ts";
import type { Store } from "./store.ts";
import { foreignTransactionError } from "./store-errors.ts";
import { fromStoredText, hashOfKey, toStoredText } from "./stored-text.ts";

type Creation = Omit<CreateRequest, "eager">;

/** A transaction that takes longer than the clock may lag between two statements is asked again; see `write_run`. */
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
  const given = {
    namespace: toStoredText(namespace),
    run_id: toStoredText(runId),
    key_hash: created.key === null ? null : hashOfKey(created.key),
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
  const [created] = events;
  const given: Partial<Record<GivenName, unknown>> = {
    ...fixedValues(run),
    ...changingValues(run),
    ...eventArrays(events),
    first: created?.position,
    namespace: toStoredText(namespace),
    run_id: toStoredText(run.runId),
    now: storeNow,
    clock_lag_max: clockLagMsMax,
    channel: store.channel,
    notice: encodeNotification({
      from: "",
      notices: [{ runId: run.runId, settled: false, hint: true, streamed: false }],
    }),
  };
  const parameters = parameterNames.map((name) => `p_${name} => ${name in given ? `g.${name}` : "NULL"}`).join(", ");
  return `SELECT w.outcome, CASE WHEN w.outcome = 'written' AND g.channel IS NOT NULL
THEN pg_notify(g.channel, g.notice)::text END AS told
FROM ${givenSql(given)}, ${schema}.write_run(${parameters}) w`;
}

async function rowsOf(client: TransactionClient, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { rows } = await client.query(sql);
  return rows as readonly Readonly<Record<string, unknown>>[];
}

/** The parameters of `write_run` with their types. */
const parameterTypes = {
  namespace: "text",
  run_id: "text",
  version: "bigint",
  now: "bigint",
  clock_lag_max: "bigint",
  key: "text",
  key_hash: "bytea",
  workflow_id: "text",
  workflow_name: "text",
  bundle_id: "text",
  isolation: "text",
  parent_run_id: "text",
  root_run_id: "text",
  created_at: "bigint",
  ...changingTypes,
  tokens_free: "text[]",
  tokens_held: "text[]",
  token_holders: "text[]",
  tokens_dropped_all: "boolean",
  tokens_dropped: "text[]",
  tokens_taken: "text[]",
  token_takers: "text[]",
  token_positions: "integer[]",
  first: "integer",
  event_epoch: "integer",
  event_key: "text",
  event_key_hash: "bytea",
  types: "text[]",
  correlation_ids: "text[]",
  ats: "bigint[]",
  causes: "integer[]",
  data: "text[]",
  starts: "integer[]",
  lengths: "integer[]",
  payloads: "bytea",
} as const;

const givenTypes = { ...parameterTypes, channel: "text", notice: "text" } as const;

type GivenName = keyof typeof givenTypes;

const parameterNames = Object.keys(parameterTypes) as (keyof typeof parameterTypes)[];

/** The values as one row `g`, in a text that holds nothing which would have to be quoted. */
function givenSql(values: Partial<Record<GivenName, unknown>>): string {
  const columns = (Object.keys(values) as GivenName[]).map((name) => `${name} ${givenTypes[name]}`).join(", ");
  const plain = Object.entries(values).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? hexOf(value) : value,
  ]);
  const text = JSON.stringify(Object.fromEntries(plain));
  const encoded = Buffer.from(text).toString("base64");
  return `json_to_record(convert_from(decode('${encoded}', 'base64'), 'UTF8')::json) AS g(${columns})`;
}

const hexOf = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString("hex")}`;
