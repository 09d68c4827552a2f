/** Schema version 5: the jobs that are at nobody by their runs, each of which has its turn. */
import type { Migration } from "../schema.ts";

export const jobsByRun: Migration = {
  version: 5,
  sql: "CREATE INDEX step_jobs_by_run ON step_jobs (namespace_id, step_id, rid, ready_at) WHERE owner IS NULL",
};
