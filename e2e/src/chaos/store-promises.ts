/**
 * What must hold in the tables, as SQL that finds what breaks it: a query that answers with rows has found a broken promise.
 * `psql` shows the same rows.
 */
import type { ChaosEntry } from "./ledger-entries.ts";
import type { Promises } from "./traffic.ts";

export interface StorePromise {
  readonly promise: string;
  readonly sql: string;
  readonly values: readonly unknown[];
}

const events = "perdure.events";
const terminal = "('run_completed', 'run_failed', 'run_cancelled')";
const over = "('step_completed', 'step_failed')";

/** Those of the tables alone. */
const always: readonly StorePromise[] = [
  {
    promise: "positions are dense from 1 to the tail",
    sql: `SELECT r.run_id, r.tail, count(*), min(e.position), max(e.position) FROM perdure.runs r
LEFT JOIN ${events} e ON e.run_id = r.run_id GROUP BY r.run_id, r.tail
HAVING count(e.*) <> r.tail OR min(e.position) <> 1 OR max(e.position) <> r.tail`,
    values: [],
  },
  {
    promise: "epochs never go down along a log, and none is beyond the row's",
    sql: `SELECT run_id, position, epoch, before, newest FROM (SELECT e.run_id, e.position, e.epoch, r.epoch AS newest,
    max(e.epoch) OVER (PARTITION BY e.run_id ORDER BY e.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
  FROM ${events} e JOIN perdure.runs r ON r.run_id = e.run_id) e WHERE epoch < before OR epoch > newest`,
    values: [],
  },
  {
    promise: "a step is over once",
    sql: `SELECT run_id, correlation_id, count(*) FROM ${events} WHERE type IN ${over} GROUP BY run_id, correlation_id HAVING count(*) > 1`,
    values: [],
  },
  {
    promise: "nothing follows a terminal event, and each run has one",
    sql: `SELECT r.run_id, r.status, r.tail, r.parked_reason, e.position FROM perdure.runs r
LEFT JOIN ${events} e ON e.run_id = r.run_id AND e.type IN ${terminal}
WHERE e.position IS DISTINCT FROM r.tail OR r.ended_at IS NULL`,
    values: [],
  },
  {
    promise: "one key of an outside writer stands once in a log",
    sql: `SELECT run_id, key, count(*) FROM ${events} WHERE key IS NOT NULL AND type <> 'run_created'
GROUP BY run_id, key HAVING count(*) > 1`,
    values: [],
  },
  {
    promise: "no job of a background step outlives its run",
    sql: `SELECT j.run_id, j.correlation_id, j.attempt, j.delivery FROM perdure.step_jobs j
JOIN perdure.runs r ON r.run_id = j.run_id WHERE r.ended_at IS NOT NULL`,
    values: [],
  },
  {
    promise: "the chunks of a stream are numbered from 0 without a gap, and its row counts them",
    sql: `SELECT s.run_id, s.name, s.count, count(c.*), min(c.index), max(c.index) FROM perdure.streams s
LEFT JOIN perdure.stream_chunks c ON c.run_id = s.run_id AND c.name = s.name GROUP BY s.run_id, s.name, s.count
HAVING count(c.*) <> s.count OR coalesce(min(c.index), 0) <> 0 OR coalesce(max(c.index), -1) <> s.count - 1`,
    values: [],
  },
  {
    promise: "a token is free once its run has ended",
    sql: `SELECT t.run_id, t.token_hash FROM perdure.hook_tokens t JOIN perdure.runs r ON r.run_id = t.run_id WHERE r.ended_at IS NOT NULL`,
    values: [],
  },
];

/** Those of the tables beside what clients and workers were told. */
export function storePromises(promises: Promises, ledger: readonly ChaosEntry[]): readonly StorePromise[] {
  const acks = ledger.filter((entry) => entry.kind === "ack");
  const claims = ledger.filter((entry) => entry.kind === "claim");
  return [
    ...always,
    {
      promise: "a run whose start was acknowledged is there, under its key",
      sql: `SELECT told.* FROM unnest($1::text[], $2::text[]) AS told(run_id, key)
LEFT JOIN perdure.runs r ON r.run_id = told.run_id AND r.key = told.key WHERE r.run_id IS NULL`,
      values: [promises.starts.map(({ runId }) => runId), promises.starts.map(({ key }) => key)],
    },
    {
      promise: "a payload that was acknowledged is in the log, for its hook",
      sql: `SELECT told.* FROM unnest($1::text[], $2::text[], $3::text[]) AS told(run_id, key, hook)
LEFT JOIN ${events} e ON e.run_id = told.run_id AND e.key = told.key AND e.type = 'hook_received' AND e.correlation_id = told.hook
WHERE e.run_id IS NULL`,
      values: [
        promises.payloads.map(({ runId }) => runId),
        promises.payloads.map(({ key }) => key),
        promises.payloads.map(({ hookId }) => hookId),
      ],
    },
    {
      promise: "a cancellation that was acknowledged ends its run",
      sql: `SELECT told.* FROM unnest($1::text[], $2::text[]) AS told(run_id, key)
LEFT JOIN ${events} e ON e.run_id = told.run_id AND e.key = told.key AND e.type = 'run_cancelled' WHERE e.run_id IS NULL`,
      values: [promises.cancels.map(({ runId }) => runId), promises.cancels.map(({ key }) => key)],
    },
    {
      promise: "what a worker was told of an attempt is in the log",
      sql: `SELECT told.* FROM unnest($1::text[], $2::text[], $3::int[], $4::bool[]) AS told(run_id, step, attempt, final)
LEFT JOIN ${events} e ON e.run_id = told.run_id AND e.correlation_id = told.step
  AND (CASE WHEN told.final THEN e.type IN ${over} AND (e.data::json->>'attempt')::int = told.attempt
       ELSE e.type = 'step_retrying' AND (e.data::json->>'attempt')::int = told.attempt + 1 END)
WHERE e.run_id IS NULL`,
      values: [
        acks.map(({ run }) => run),
        acks.map(({ step }) => step),
        acks.map(({ attempt }) => attempt),
        acks.map(({ final }) => final),
      ],
    },
    {
      promise: "every epoch in a log is one that a worker was given",
      sql: `SELECT DISTINCT e.run_id, e.epoch FROM ${events} e
LEFT JOIN unnest($1::text[], $2::int[]) AS told(run_id, epoch) ON told.run_id = e.run_id AND told.epoch = e.epoch
WHERE e.epoch > 0 AND told.run_id IS NULL`,
      values: [claims.map(({ run }) => run), claims.map(({ epoch }) => epoch)],
    },
  ];
}
