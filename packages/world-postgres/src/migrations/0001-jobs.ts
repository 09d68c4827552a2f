/**
 * Jobs: attempts of background steps that wait for a worker, or are at one. While a job is at nobody it lies in two partial
 * indexes, by which the longest ready is found and each run in turn; while it is at a worker, in the third. `ready_at` is a
 * double for the reason that `wake_at` is one.
 *
 * They are changed by `write_runs`, with the append that a change belongs to.
 */
export const jobsTable = `
CREATE TABLE {schema}.step_jobs (
  namespace text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  correlation_id text COLLATE "C" NOT NULL,
  step_id text COLLATE "C" NOT NULL,
  position integer NOT NULL,
  attempt integer NOT NULL,
  delivery integer NOT NULL,
  ready_at double precision NOT NULL,
  owner text COLLATE "C",
  PRIMARY KEY (namespace, run_id, correlation_id)
) WITH (fillfactor = 80);
CREATE INDEX step_jobs_ready ON {schema}.step_jobs (namespace, step_id, ready_at) WHERE owner IS NULL;
CREATE INDEX step_jobs_by_run ON {schema}.step_jobs (namespace, step_id, run_id, ready_at) WHERE owner IS NULL;
CREATE INDEX step_jobs_by_owner ON {schema}.step_jobs (namespace, owner) WHERE owner IS NOT NULL;
`;
