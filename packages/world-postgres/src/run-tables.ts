/**
 * The tables beside `runs` whose rows belong to one run, and are keyed by `(namespace, run_id)`. What deletes a run
 * deletes from all of them: a new table of that kind has its line here.
 */
export const runTables = ["events", "hook_tokens", "step_jobs", "stream_chunks", "stream_writers", "streams"] as const;
