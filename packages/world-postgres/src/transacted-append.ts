/** What came of a step, in one commit with what the step has written to the same database. */
import { invariant, StoreError, WorkflowRunNotFoundError } from "@perdure/errors";
import type { AppendResult, ExecutorAppend, StepTransaction } from "@perdure/world";
import { judgeKeyed } from "./keyed-judgement.ts";
import { ownPayload } from "./postgres-log.ts";
import type { OpenTransaction } from "./step-transactions.ts";
import type { Store } from "./store.ts";
import { rolledBackError } from "./store-errors.ts";

type Body = (transaction: StepTransaction) => Promise<ExecutorAppend>;

interface Sent {
  request: ExecutorAppend | null;
  /** Which generation of the store the body was begun in. */
  readonly begunIn: number;
}

/**
 * The body comes first and the run's row last, so that the row is locked for the write and the commit alone, and the
 * transaction is never undone because somebody else has written to the run meanwhile.
 */
export async function appendInTransaction(store: Store, runId: string, body: Body): Promise<AppendResult> {
  const sent: Sent = { request: null, begunIn: store.restoration.generation };
  try {
    return await store.transactions.run((transaction) => appendLast(store, runId, transaction, body, sent));
  } catch (error) {
    if (!StoreError.is(error) || error.outcome !== "unknown" || sent.request === null) throw error;
    store.cache.distrust();
    const written = await findWritten(store, runId, sent.request.key).catch(() => {
      throw error;
    });
    if (written !== null) return written;
    throw rolledBackError(error);
  }
}

async function appendLast(
  store: Store,
  runId: string,
  transaction: OpenTransaction,
  body: Body,
  sent: Sent,
): Promise<AppendResult> {
  const given = await transaction.runBody(body);
  const request = { ...given, fact: ownPayload(given.fact) };
  await transaction.finishBody();
  const { value } = await store.changes.changeLast<readonly AppendResult[]>(transaction, runId, {
    outsideKeys: [request.key],
    begunIn: sent.begunIn,
    missing: () => {
      throw new WorkflowRunNotFoundError(runId);
    },
    judge: (situation) => judgeKeyed(store, [request], situation),
    commit: async () => {
      sent.request = request;
      await transaction.commit();
    },
  });
  const [answer] = value;
  invariant(answer !== undefined, "one request has one answer");
  return answer;
}

/**
 * What a commit whose answer was lost has written; null when it was rolled back. The lock is the transaction's own until
 * the server has ended it, so it is over once the row can be locked here.
 */
async function findWritten(store: Store, runId: string, key: string): Promise<AppendResult | null> {
  return store.database.transaction(async (queries) => {
    await store.runs.lock(queries, runId);
    const loaded = await store.runs.load(queries, runId, [key]);
    const position = loaded?.writtenBefore.get(key);
    if (loaded === null || position === undefined) return null;
    const events = await store.events.read(queries, runId, { after: position - 1, last: position }, null);
    const { tail } = loaded.stored.run;
    return { kind: "appended", events, tail, storeNow: loaded.storeNow, released: false };
  });
}
