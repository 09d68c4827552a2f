/**
 * Schema version 1.
 *
 * Every key leads with the namespace and, where there is one, the run id. A run is one row: tail, epoch, owner, parking
 * and wake-up time lie together, so that an append, a claim and the queue agree by locking that row alone. A live run is
 * in exactly one of two partial indexes: `runs_due` while nobody drives it, `runs_by_owner` while somebody does.
 *
 * `version` counts every change of a row. `write_run` is the only statement that appends: it changes the row if the
 * version is the one that the caller judged by, and writes the events and tokens with it, in one round trip. It decides
 * nothing else: what is written comes from the rules of `@perdure/world`.
 *
 * `wake_at` is a double, because the rules take any finite moment, also one that no 64-bit integer holds. Texts compare
 * by their bytes (`COLLATE "C"`), as JavaScript's do for all that occurs in ids. Keys of any length are unique by their
 * SHA-256, since an index takes no entry above a third of a page.
 */
import type { Migration } from "../schema.ts";
import { jobsTable, writeJobs } from "./0001-jobs.ts";

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
  expires_at bigint,
  PRIMARY KEY (namespace, run_id)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX runs_by_key ON {schema}.runs (namespace, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX runs_by_creation ON {schema}.runs (namespace, created_at, run_id);
CREATE INDEX runs_by_status ON {schema}.runs (namespace, status, created_at, run_id);
CREATE INDEX runs_by_workflow ON {schema}.runs (namespace, workflow_id, created_at, run_id);
CREATE INDEX runs_parked ON {schema}.runs (namespace, created_at, run_id) WHERE parked_reason IS NOT NULL;
CREATE INDEX runs_due ON {schema}.runs (namespace, workflow_id, wake_at)
  WHERE owner IS NULL AND parked_reason IS NULL AND wake_at IS NOT NULL;
CREATE INDEX runs_by_owner ON {schema}.runs (namespace, owner, run_id) WHERE owner IS NOT NULL;
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
  PRIMARY KEY (namespace, token_hash)
);
CREATE INDEX hook_tokens_by_run ON {schema}.hook_tokens (namespace, run_id, correlation_id);

CREATE TABLE {schema}.bundles (
  namespace text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  bytes bytea NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (namespace, id)
);

CREATE TABLE {schema}.workers (
  namespace text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  beat_at bigint NOT NULL,
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
 * Answers `written`, or what kept it from writing anything: `clock` (the caller's reading of the store's clock is ahead
 * of it or too old), `stale` (the row is not the one that was judged) or `exists` (run id or key are taken). Raises
 * SQLSTATE `PDT01` when a token is not held, or not free, as it was judged, and `PDT02` when a job is not. Without `p_version` the run is created.
 */
const writeRun = `
CREATE FUNCTION {schema}.write_run(
  p_namespace text, p_run_id text, p_version bigint, p_now bigint, p_clock_lag_max bigint,
  p_key text, p_key_hash bytea, p_workflow_id text, p_workflow_name text, p_bundle_id text, p_isolation text,
  p_parent_run_id text, p_root_run_id text, p_created_at bigint,
  p_status text, p_tail integer, p_last_at bigint, p_epoch integer, p_owner text,
  p_append_n integer, p_append_first integer, p_append_last integer,
  p_parked_reason text, p_parked_detail text, p_parked_position integer, p_parked_since bigint,
  p_wake_at double precision, p_expiries integer, p_claim_tail integer,
  p_started_at bigint, p_ended_at bigint, p_ended_owner text,
  p_tokens_free text[], p_tokens_held text[], p_token_holders text[],
  p_tokens_dropped_all boolean, p_tokens_dropped text[],
  p_tokens_taken text[], p_token_takers text[], p_token_positions integer[],
  p_first integer, p_event_epoch integer, p_event_key text, p_event_key_hash bytea,
  p_types text[], p_correlation_ids text[], p_ats bigint[], p_causes integer[], p_data text[],
  p_starts integer[], p_lengths integer[], p_payloads bytea, p_jobs json,
  OUT outcome text, OUT now bigint
) LANGUAGE plpgsql AS $$
DECLARE
  changed integer;
BEGIN
  now := {schema}.store_now();
  IF p_now > now OR p_now < now - p_clock_lag_max THEN
    outcome := 'clock';
    RETURN;
  END IF;

  IF p_version IS NULL THEN
    INSERT INTO {schema}.runs (
      namespace, run_id, version, key, key_hash, workflow_id, workflow_name, bundle_id, isolation,
      parent_run_id, root_run_id, created_at, status, tail, last_at, epoch, owner,
      append_n, append_first, append_last, parked_reason, parked_detail, parked_position, parked_since,
      wake_at, expiries, claim_tail, started_at, ended_at, ended_owner
    ) VALUES (
      p_namespace, p_run_id, 1, p_key, p_key_hash, p_workflow_id, p_workflow_name, p_bundle_id, p_isolation,
      p_parent_run_id, p_root_run_id, p_created_at, p_status, p_tail, p_last_at, p_epoch, p_owner,
      p_append_n, p_append_first, p_append_last, p_parked_reason, p_parked_detail, p_parked_position, p_parked_since,
      p_wake_at, p_expiries, p_claim_tail, p_started_at, p_ended_at, p_ended_owner
    ) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      outcome := 'exists';
      RETURN;
    END IF;
  ELSE
    UPDATE {schema}.runs SET
      version = version + 1, status = p_status, tail = p_tail, last_at = p_last_at, epoch = p_epoch, owner = p_owner,
      append_n = p_append_n, append_first = p_append_first, append_last = p_append_last,
      parked_reason = p_parked_reason, parked_detail = p_parked_detail,
      parked_position = p_parked_position, parked_since = p_parked_since,
      wake_at = p_wake_at, expiries = p_expiries, claim_tail = p_claim_tail,
      started_at = p_started_at, ended_at = p_ended_at, ended_owner = p_ended_owner
    WHERE namespace = p_namespace AND run_id = p_run_id AND version = p_version;
    IF NOT FOUND THEN
      outcome := 'stale';
      RETURN;
    END IF;
  END IF;

  -- Tokens are compared with what was judged before anything of this append changes them.
  IF p_tokens_held IS NOT NULL THEN
    PERFORM 1 FROM {schema}.hook_tokens t JOIN unnest(p_tokens_held, p_token_holders) AS h(token_hash, holder)
      ON t.token_hash = h.token_hash AND t.run_id = h.holder
      WHERE t.namespace = p_namespace FOR SHARE OF t;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed < cardinality(p_tokens_held) THEN
      RAISE EXCEPTION 'a token is no longer held' USING ERRCODE = 'PDT01';
    END IF;
  END IF;
  IF p_tokens_free IS NOT NULL THEN
    PERFORM 1 FROM {schema}.hook_tokens WHERE namespace = p_namespace AND token_hash = ANY (p_tokens_free);
    IF FOUND THEN
      RAISE EXCEPTION 'a token is no longer free' USING ERRCODE = 'PDT01';
    END IF;
  END IF;
  IF p_tokens_dropped_all THEN
    DELETE FROM {schema}.hook_tokens WHERE namespace = p_namespace AND run_id = p_run_id;
  ELSIF p_tokens_dropped IS NOT NULL THEN
    DELETE FROM {schema}.hook_tokens
      WHERE namespace = p_namespace AND run_id = p_run_id AND correlation_id = ANY (p_tokens_dropped);
  END IF;
  IF p_tokens_taken IS NOT NULL THEN
    -- In the order of the hashes, so that two writers of several tokens wait for each other in one direction only.
    INSERT INTO {schema}.hook_tokens (namespace, token_hash, run_id, correlation_id, position)
      SELECT p_namespace, t.token_hash, p_run_id, t.taker, t.position
      FROM unnest(p_tokens_taken, p_token_takers, p_token_positions) AS t(token_hash, taker, position)
      ORDER BY t.token_hash
      ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed < cardinality(p_tokens_taken) THEN
      RAISE EXCEPTION 'a token is no longer free' USING ERRCODE = 'PDT01';
    END IF;
  END IF;

  IF p_types IS NOT NULL THEN
    INSERT INTO {schema}.events (
      namespace, run_id, position, type, correlation_id, at, committed_at, cause, epoch, key, key_hash, data, payload
    )
    SELECT p_namespace, p_run_id, p_first + e.index::integer - 1, e.type, e.correlation_id, e.at, p_now, e.cause,
      p_event_epoch, p_event_key, p_event_key_hash, e.data, substring(p_payloads FROM e.start FOR e.length)
    FROM unnest(p_types, p_correlation_ids, p_ats, p_causes, p_data, p_starts, p_lengths)
      WITH ORDINALITY AS e(type, correlation_id, at, cause, data, start, length, index);
  END IF;
  IF p_jobs IS NOT NULL THEN
    PERFORM {schema}.write_jobs(p_namespace, p_run_id, p_jobs);
  END IF;
  outcome := 'written';
END
$$;
`;

export const initial: Migration = {
  version: 1,
  sql: tables + jobsTable + clock + writeJobs + writeRun,
};
