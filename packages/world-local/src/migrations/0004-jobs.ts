/**
 * Schema version 4: jobs, the attempts of background steps that wait for a worker or are at one. A job lies in exactly one
 * of the two partial indexes.
 */
import type { Migration } from "../schema.ts";

export const jobs: Migration = {
  version: 4,
  sql: `
CREATE TABLE step_jobs (
  rid INTEGER NOT NULL,
  correlation_id TEXT NOT NULL,
  namespace_id INTEGER NOT NULL,
  step_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  delivery INTEGER NOT NULL,
  ready_at INTEGER NOT NULL,
  owner TEXT,
  sum INTEGER NOT NULL,
  PRIMARY KEY (rid, correlation_id)
) WITHOUT ROWID;
CREATE INDEX step_jobs_ready ON step_jobs (namespace_id, step_id, ready_at) WHERE owner IS NULL;
CREATE INDEX step_jobs_by_owner ON step_jobs (namespace_id, owner) WHERE owner IS NOT NULL;
`,
};
