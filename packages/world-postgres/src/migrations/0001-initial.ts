/**
 * Schema version 1.
 *
 * A key of runs and events leads with the namespace and the run id. Where two keys of a table could serve one look-up, they
 * lead with what tells the rows apart, so that no plan made for an empty table is a bad one for a full one. A run is one
 * row: tail, epoch, owner, parking and wake-up time lie together, so that an append, a claim and the queue agree by locking
 * that row alone. Half of a page is left free, so that the rows of a page can all be changed at once without a change of
 * any index. A live run is in exactly one of two partial indexes: `runs_due` while nobody drives it, `runs_by_owner` while
 * somebody does.
 *
 * `version` counts every change of a row. `write_runs` and, for one plain change, `write_run` are all that appends: they
 * change a row if the version is the one that the caller judged by, and write the events and tokens with it, in one round
 * trip. They decide nothing else: what is written comes from the rules of `@perdure/world`.
 *
 * `workers.beats` counts up, so that a store which was put back to an earlier state is known by a count that is lower than
 * the one that it had acknowledged. Whoever notices leaves the mark `restored` in `meta`: see `restoration.ts`.
 *
 * `wake_at` is a double, because the rules take any finite moment, also one that no 64-bit integer holds. Texts compare
 * by their bytes (`COLLATE "C"`), as JavaScript's do for all that occurs in ids. Keys of any length are unique by their
 * SHA-256, since an index takes no entry above a third of a page.
 */
import type { Migration } from "../schema.ts";
import { bundleGuard } from "./0001-bundle-guard.ts";
import { jobsTable } from "./0001-jobs.ts";
import { streamsSql } from "./0001-streams.ts";
import { writeRun } from "./0001-write-run.ts";
import { writeRuns } from "./0001-write-runs.ts";

/**
 * True of every row, so that the indexes of lists are partial: the look-up of a run by its id can then not be planned with
 * one of them. They hold the id too, behind the namespace, and for a table that is still empty the server finds all of them
 * as good as the primary key. The functions' plans are kept while the table grows, and each look-up would read a namespace.
 */
const listed = "created_at >= -9007199254740991";

const tables = `
CREATE TABLE {schema}.meta (key text PRIMARY KEY, value text NOT NULL);
INSERT INTO {schema}.meta (key, value) VALUES ('incarnation', gen_random_uuid()::text);

CREATE TABLE {schema}.runs (
  namespace text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  key text COLLATE "C",
  key_hash bytea,
  workflow_id text COLLATE "C" NOT NULL,
  workflow_name text NOT NULL,
  bundle_id text COLLATE "C" NOT NULL,
  isolation text NOT NULL,
  parent_run_id text COLLATE "C",
  root_run_id text COLLATE "C" NOT NULL,
  created_at bigint NOT NULL,
  status text COLLATE "C" NOT NULL,
  tail integer NOT NULL,
  last_at bigint NOT NULL,
  epoch integer NOT NULL,
  owner text COLLATE "C",
  append_n integer,
  append_first integer,
  append_last integer,
  parked_reason text COLLATE "C",
  parked_detail text,
  parked_position integer,
  parked_since bigint,
  wake_at double precision,
  expiries integer NOT NULL,
  claim_tail integer NOT NULL,
  started_at bigint,
  ended_at bigint,
  ended_owner text COLLATE "C",
  PRIMARY KEY (namespace, run_id)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX runs_by_key ON {schema}.runs (namespace, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX runs_by_creation ON {schema}.runs (namespace, created_at, run_id) WHERE ${listed};
CREATE INDEX runs_by_status ON {schema}.runs (namespace, status, created_at, run_id) WHERE ${listed};
CREATE INDEX runs_by_workflow ON {schema}.runs (namespace, workflow_id, created_at, run_id) WHERE ${listed};
CREATE INDEX runs_parked ON {schema}.runs (namespace, created_at, run_id) WHERE parked_reason IS NOT NULL;
CREATE INDEX runs_due ON {schema}.runs (namespace, workflow_id, wake_at)
  WHERE owner IS NULL AND parked_reason IS NULL AND wake_at IS NOT NULL;
CREATE INDEX runs_by_owner ON {schema}.runs (namespace, owner, workflow_id, run_id) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_ended_owner ON {schema}.runs (namespace, ended_owner, ended_at) WHERE ended_owner IS NOT NULL;

CREATE TABLE {schema}.events (
  namespace text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  position integer NOT NULL,
  type text COLLATE "C" NOT NULL,
  correlation_id text COLLATE "C",
  at bigint NOT NULL,
  committed_at bigint NOT NULL,
  cause integer,
  epoch integer,
  key text COLLATE "C",
  key_hash bytea,
  data text,
  payload bytea,
  PRIMARY KEY (namespace, run_id, position)
);
CREATE UNIQUE INDEX events_by_key ON {schema}.events (namespace, run_id, key_hash) WHERE key_hash IS NOT NULL;

CREATE TABLE {schema}.hook_tokens (
  namespace text COLLATE "C" NOT NULL,
  token_hash text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  correlation_id text COLLATE "C" NOT NULL,
  position integer NOT NULL,
  PRIMARY KEY (token_hash, namespace)
);
CREATE INDEX hook_tokens_by_run ON {schema}.hook_tokens (run_id, namespace, correlation_id);

CREATE TABLE {schema}.bundles (
  namespace text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  bytes bytea,
  signature bytea,
  created_at bigint NOT NULL,
  doomed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (namespace, id)
);

CREATE TABLE {schema}.workers (
  namespace text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  beat_at bigint NOT NULL,
  beats bigint NOT NULL,
  lease_ms bigint NOT NULL,
  workflows text NOT NULL,
  PRIMARY KEY (namespace, id)
);
`;

/** The store's clock: whole milliseconds since the epoch, one clock for all processes. */
const clock = `
CREATE FUNCTION {schema}.store_now() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;
`;

/**
 * Payloads are compressed by LZ4 where the server was built with it: text that yields little takes the server's own method
 * five times as long (10 KB: 0.18 ms and 0.035 ms), which is more than all else that an append of it costs.
 */
const compression = `
DO $$
BEGIN
  ALTER TABLE {schema}.events ALTER COLUMN payload SET COMPRESSION lz4;
  ALTER TABLE {schema}.stream_chunks ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
  NULL;
END
$$;
`;

export const initial: Migration = {
  version: 1,
  compatibleFrom: 1,
  sql: tables + jobsTable + clock + writeRuns + writeRun + streamsSql + bundleGuard + compression,
};
