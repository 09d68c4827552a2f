/**
 * Schema version 1.
 *
 * Runs have an integer key of the file's own (`rid`), and an event's key is `rid` and position in one integer: the events
 * of one run lie together, and an event up to a page in size needs no second page. (A table without rowid and the key
 * `(rid, position)` cost 12 us more per append with payloads of 200 bytes and 33 us with 1,200, where it also took twice
 * the disk, because such a table moves every row above 1,000 bytes to pages of its own.) Types and statuses are small
 * integers; their meaning is fixed in `event-rows.ts` and `run-rows.ts`. Indexes are partial where they can be, because
 * each one that a commit touches is another page to write.
 */
import type { Migration } from "../schema.ts";

export const initial: Migration = {
  version: 1,
  sql: `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE namespaces (namespace_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE runs (
  rid INTEGER PRIMARY KEY,
  namespace_id INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  key TEXT,
  workflow_id TEXT NOT NULL,
  workflow_name TEXT NOT NULL,
  bundle_id TEXT NOT NULL,
  isolation TEXT NOT NULL,
  parent_run_id TEXT,
  root_run_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  tail INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  owner TEXT,
  append_n INTEGER,
  append_first INTEGER,
  append_last INTEGER,
  parked_reason TEXT,
  parked_detail TEXT,
  parked_position INTEGER,
  parked_since INTEGER,
  wake_at INTEGER,
  expiries INTEGER NOT NULL,
  claim_tail INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  ended_owner TEXT,
  expires_at INTEGER
);
CREATE UNIQUE INDEX runs_by_id ON runs (run_id, namespace_id);
CREATE UNIQUE INDEX runs_by_key ON runs (namespace_id, key) WHERE key IS NOT NULL;
CREATE INDEX runs_by_creation ON runs (namespace_id, created_at);
CREATE INDEX runs_by_status ON runs (namespace_id, status, created_at);
CREATE INDEX runs_by_workflow ON runs (namespace_id, workflow_id, created_at);
CREATE INDEX runs_parked ON runs (namespace_id, created_at) WHERE parked_reason IS NOT NULL;
CREATE INDEX runs_by_owner ON runs (namespace_id, owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_by_ended_owner ON runs (namespace_id, ended_owner, ended_at) WHERE ended_owner IS NOT NULL;
CREATE INDEX runs_due ON runs (namespace_id, workflow_id, wake_at)
  WHERE owner IS NULL AND parked_reason IS NULL AND wake_at IS NOT NULL;

CREATE TABLE events (
  -- rid * 2^24 + position
  id INTEGER PRIMARY KEY,
  type INTEGER NOT NULL,
  correlation_id TEXT,
  at INTEGER NOT NULL,
  committed_at INTEGER NOT NULL,
  cause INTEGER,
  epoch INTEGER,
  key TEXT,
  data TEXT,
  payload BLOB
);
CREATE UNIQUE INDEX events_by_key ON events (id >> 24, key) WHERE key IS NOT NULL;

CREATE TABLE hook_tokens (
  namespace_id INTEGER NOT NULL,
  token_hash TEXT NOT NULL,
  rid INTEGER NOT NULL,
  correlation_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (namespace_id, token_hash)
) WITHOUT ROWID;
CREATE INDEX hook_tokens_by_run ON hook_tokens (rid);

CREATE TABLE bundles (
  namespace_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  bytes BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (namespace_id, id)
);

CREATE TABLE workers (
  namespace_id INTEGER NOT NULL,
  id TEXT NOT NULL,
  beat_at INTEGER NOT NULL,
  lease_ms INTEGER NOT NULL,
  workflows TEXT NOT NULL,
  PRIMARY KEY (namespace_id, id)
) WITHOUT ROWID;
`,
};
