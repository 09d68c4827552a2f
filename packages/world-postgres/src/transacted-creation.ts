/**
 * A run that is created inside of a transaction of the program's own.
 *
 * Whose client it is, what it makes of types and how it binds parameters is not known here. So each statement is a text
 * without parameters, all values of which travel as one JSON in Base64, and each column of an answer is a text.
 */
import { invariant } from "@perdure/errors";
import {
  admitCreate,
  type CreateRequest,
  type RunRecord,
  type TransactedCreation,
  type TransactionClient,
} from "@perdure/world";
import { encodeNotification } from "./notices.ts";
import type { Store } from "./store.ts";
import { foreignTransactionError } from "./store-errors.ts";
import { fromStoredText, hashOfKey, toStoredOrNull, toStoredText } from "./stored-text.ts";

type Creation = Omit<CreateRequest, "eager">;

/** A key that is taken is an answer: in the transactions of PostgreSQL an error is the end. */
export async function createInTransaction(
  store: Store,
  client: TransactionClient,
  request: Creation,
): Promise<TransactedCreation> {
  const storeNow = await readClock(store, client);
  const written = await rowsOf(client, writingSql(store, request, storeNow));
  return written.length > 0 ? { kind: "created", runId: request.runId } : await holderOf(store, client, request);
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
  const { schema, namespace } = store.settings;
  const context = { storeNow, tokenOwner: () => null };
  const verdict = admitCreate({ ...request, eager: null }, namespace, context);
  invariant(verdict.kind === "admitted", `the creation of ${request.runId} was refused`);
  const { run, events } = verdict;
  const [created] = events;
  const given = {
    ...rowOf(run),
    position: created?.position ?? 1,
    type: created?.type ?? "",
    at: created?.at ?? storeNow,
    committed_at: created?.committedAt ?? storeNow,
    data: JSON.stringify(created?.data),
    payload: created?.payload ?? null,
    channel: store.channel,
    notice: encodeNotification({
      from: "",
      notices: [{ runId: run.runId, settled: false, hint: true, streamed: false }],
    }),
  };
  return `WITH g AS (SELECT * FROM ${givenSql(given)}), created AS (
INSERT INTO ${schema}.runs (version, ${runColumns.join(", ")})
SELECT 1, ${runColumns.map((column) => `g.${column}`).join(", ")} FROM g ON CONFLICT DO NOTHING RETURNING run_id
), logged AS (
INSERT INTO ${schema}.events (namespace, run_id, position, type, at, committed_at, data, payload)
SELECT g.namespace, g.run_id, g.position, g.type, g.at, g.committed_at, g.data, g.payload FROM g, created
)
SELECT created.run_id, CASE WHEN g.channel IS NOT NULL THEN pg_notify(g.channel, g.notice)::text END AS told FROM g, created`;
}

/** What a run has that nobody has claimed yet; all other columns are null. */
const runTypes = {
  namespace: "text",
  run_id: "text",
  key: "text",
  key_hash: "bytea",
  workflow_id: "text",
  workflow_name: "text",
  bundle_id: "text",
  isolation: "text",
  parent_run_id: "text",
  root_run_id: "text",
  created_at: "bigint",
  status: "text",
  tail: "integer",
  last_at: "bigint",
  epoch: "integer",
  wake_at: "double precision",
  expiries: "integer",
  claim_tail: "integer",
} as const;

const runColumns = Object.keys(runTypes);

const rowOf = (run: RunRecord): Record<keyof typeof runTypes, unknown> => ({
  namespace: toStoredText(run.namespace),
  run_id: toStoredText(run.runId),
  key: toStoredOrNull(run.key),
  key_hash: run.key === null ? null : hashOfKey(run.key),
  workflow_id: toStoredText(run.workflowId),
  workflow_name: toStoredText(run.workflowName),
  bundle_id: toStoredText(run.bundleId),
  isolation: run.isolation,
  parent_run_id: toStoredOrNull(run.parentRunId),
  root_run_id: toStoredText(run.rootRunId),
  created_at: run.createdAt,
  status: run.status,
  tail: run.tail,
  last_at: run.lastAt,
  epoch: run.epoch,
  wake_at: run.wakeAt,
  expiries: run.expiries,
  claim_tail: run.claimTail,
});

async function rowsOf(client: TransactionClient, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { rows } = await client.query(sql);
  return rows as readonly Readonly<Record<string, unknown>>[];
}

const givenTypes = {
  ...runTypes,
  position: "integer",
  type: "text",
  at: "bigint",
  committed_at: "bigint",
  data: "text",
  payload: "bytea",
  channel: "text",
  notice: "text",
} as const;

type GivenName = keyof typeof givenTypes;

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
