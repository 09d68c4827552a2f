/**
 * `write_runs`: changes of several runs in one statement and one commit, each of them whole or not at all.
 *
 * Every parameter that ends in `_changes` says to which change, counted from 1, an element of its neighbours belongs. The
 * others have an element for each change. An array that is null stands for nulls only. What belongs to one change stands
 * together, and in the order of the changes.
 *
 * Answers, for each change, `written` or what kept it from writing anything: `clock` (the caller's reading of the store's
 * clock is ahead of it or too old), `stale` (the row is not the one that was judged), `exists` (run id or key are taken)
 * `tokens` (a token that was judged to be free is not) or `jobs` (a job that the change reports on is not at the delivery
 * that was judged). A change without a version creates its run.
 *
 * The jobs that a change reports on are locked behind the row of their run, in the order in which they stand here. Whoever
 * takes jobs locks no run and waits for no job, so no two statements wait for each other because of jobs.
 *
 * A change never spoils another one, unless the statement fails: with SQLSTATE `PDT01` when a token is taken by somebody
 * else meanwhile, or is no longer held as it was judged; with `55P03` when a lock is not to be had within
 * `p_lock_timeout`. Then nothing is written, and the caller sends each change by itself.
 */
export const writeRuns = `
CREATE FUNCTION {schema}.write_runs(
  p_namespace text, p_clock_lag_max bigint, p_lock_timeout text,
  p_run_ids text[], p_versions bigint[], p_nows bigint[],
  p_keys text[], p_key_hashes bytea[], p_workflow_ids text[], p_workflow_names text[], p_bundle_ids text[],
  p_isolations text[], p_parent_run_ids text[], p_root_run_ids text[], p_created_ats bigint[],
  p_statuses text[], p_tails integer[], p_last_ats bigint[], p_epochs integer[], p_owners text[],
  p_append_ns integer[], p_append_firsts integer[], p_append_lasts integer[],
  p_parked_reasons text[], p_parked_details text[], p_parked_positions integer[], p_parked_times bigint[],
  p_wake_ats double precision[], p_expiries integer[], p_claim_tails integer[],
  p_started_ats bigint[], p_ended_ats bigint[], p_ended_owners text[],
  p_tokens_free text[], p_free_changes integer[], p_tokens_held text[], p_token_holders text[],
  p_drops_all boolean[], p_hooks_dropped text[], p_dropped_changes integer[],
  p_tokens_taken text[], p_token_takers text[], p_token_positions integer[], p_taken_changes integer[],
  p_drops_jobs boolean[],
  p_jobs_reported text[], p_job_attempts integer[], p_job_deliveries integer[], p_retry_attempts integer[],
  p_retry_times double precision[], p_report_changes integer[],
  p_jobs_added text[], p_job_steps text[], p_job_positions integer[], p_job_times double precision[],
  p_added_changes integer[],
  p_event_epochs integer[],
  p_event_changes integer[], p_positions integer[], p_types text[], p_correlation_ids text[], p_ats bigint[],
  p_causes integer[], p_event_keys text[], p_event_key_hashes bytea[], p_data text[], p_payloads bytea[],
  OUT outcomes text[], OUT now bigint
) LANGUAGE plpgsql AS $$
DECLARE
  held text[];
  changed integer;
  -- Which of the reports on jobs are those of the change at hand.
  first_report integer;
  last_report integer := 0;
BEGIN
  IF p_lock_timeout IS NOT NULL THEN
    PERFORM set_config('lock_timeout', p_lock_timeout, true);
  END IF;
  now := {schema}.store_now();
  outcomes := array_fill('written'::text, ARRAY[cardinality(p_run_ids)]);

  -- Tokens are compared with what was judged before anything here changes them.
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
    held := ARRAY(
      SELECT token_hash FROM {schema}.hook_tokens WHERE namespace = p_namespace AND token_hash = ANY (p_tokens_free)
    );
    IF cardinality(held) > 0 THEN
      FOR i IN 1 .. cardinality(p_tokens_free) LOOP
        IF p_tokens_free[i] = ANY (held) THEN
          outcomes[p_free_changes[i]] := 'tokens';
        END IF;
      END LOOP;
    END IF;
  END IF;

  FOR i IN 1 .. cardinality(p_run_ids) LOOP
    first_report := last_report + 1;
    WHILE p_report_changes[last_report + 1] = i LOOP
      last_report := last_report + 1;
    END LOOP;
    CONTINUE WHEN outcomes[i] <> 'written';
    IF p_nows[i] > now OR p_nows[i] < now - p_clock_lag_max THEN
      outcomes[i] := 'clock';
    ELSIF p_versions[i] IS NULL THEN
      INSERT INTO {schema}.runs (
        namespace, run_id, version, key, key_hash, workflow_id, workflow_name, bundle_id, isolation,
        parent_run_id, root_run_id, created_at, status, tail, last_at, epoch, owner,
        append_n, append_first, append_last, parked_reason, parked_detail, parked_position, parked_since,
        wake_at, expiries, claim_tail, started_at, ended_at, ended_owner
      ) VALUES (
        p_namespace, p_run_ids[i], 1, p_keys[i], p_key_hashes[i], p_workflow_ids[i], p_workflow_names[i],
        p_bundle_ids[i], p_isolations[i], p_parent_run_ids[i], p_root_run_ids[i], p_created_ats[i],
        p_statuses[i], p_tails[i], p_last_ats[i], p_epochs[i], p_owners[i],
        p_append_ns[i], p_append_firsts[i], p_append_lasts[i],
        p_parked_reasons[i], p_parked_details[i], p_parked_positions[i], p_parked_times[i],
        p_wake_ats[i], p_expiries[i], p_claim_tails[i], p_started_ats[i], p_ended_ats[i], p_ended_owners[i]
      ) ON CONFLICT DO NOTHING;
      IF NOT FOUND THEN
        outcomes[i] := 'exists';
      END IF;
    ELSE
      IF last_report >= first_report THEN
        PERFORM 1 FROM {schema}.runs
          WHERE namespace = p_namespace AND run_id = p_run_ids[i] AND version = p_versions[i] FOR UPDATE;
        IF NOT FOUND THEN
          outcomes[i] := 'stale';
          CONTINUE;
        END IF;
        PERFORM 1 FROM unnest(
            p_jobs_reported[first_report:last_report], p_job_attempts[first_report:last_report],
            p_job_deliveries[first_report:last_report]
          ) AS r(id, attempt, delivery), LATERAL (
            SELECT 1 FROM {schema}.step_jobs WHERE namespace = p_namespace AND run_id = p_run_ids[i]
              AND correlation_id = r.id AND attempt = r.attempt AND delivery = r.delivery AND owner IS NOT NULL FOR UPDATE
          ) AS j;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed <= last_report - first_report THEN
          outcomes[i] := 'jobs';
          CONTINUE;
        END IF;
      END IF;
      UPDATE {schema}.runs SET
        version = version + 1, status = p_statuses[i], tail = p_tails[i], last_at = p_last_ats[i],
        epoch = p_epochs[i], owner = p_owners[i],
        append_n = p_append_ns[i], append_first = p_append_firsts[i], append_last = p_append_lasts[i],
        parked_reason = p_parked_reasons[i], parked_detail = p_parked_details[i],
        parked_position = p_parked_positions[i], parked_since = p_parked_times[i],
        wake_at = p_wake_ats[i], expiries = p_expiries[i], claim_tail = p_claim_tails[i],
        started_at = p_started_ats[i], ended_at = p_ended_ats[i], ended_owner = p_ended_owners[i]
      WHERE namespace = p_namespace AND run_id = p_run_ids[i] AND version = p_versions[i];
      IF NOT FOUND THEN
        outcomes[i] := 'stale';
        CONTINUE;
      END IF;
      IF p_drops_all[i] THEN
        DELETE FROM {schema}.hook_tokens WHERE namespace = p_namespace AND run_id = p_run_ids[i];
      END IF;
      IF p_drops_jobs[i] THEN
        DELETE FROM {schema}.step_jobs WHERE namespace = p_namespace AND run_id = p_run_ids[i];
      END IF;
    END IF;
  END LOOP;

  IF p_hooks_dropped IS NOT NULL THEN
    DELETE FROM {schema}.hook_tokens t USING unnest(p_hooks_dropped, p_dropped_changes) AS d(hook, change)
      WHERE outcomes[d.change] = 'written'
        AND t.namespace = p_namespace AND t.run_id = p_run_ids[d.change] AND t.correlation_id = d.hook;
  END IF;
  IF p_tokens_taken IS NOT NULL THEN
    -- In the order of the hashes, so that two writers of several tokens wait for each other in one direction only.
    INSERT INTO {schema}.hook_tokens (namespace, token_hash, run_id, correlation_id, position)
      SELECT p_namespace, t.token_hash, p_run_ids[t.change], t.taker, t.position
      FROM unnest(p_tokens_taken, p_token_takers, p_token_positions, p_taken_changes)
        AS t(token_hash, taker, position, change)
      WHERE outcomes[t.change] = 'written'
      ORDER BY t.token_hash
      ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed < (SELECT count(*) FROM unnest(p_taken_changes) AS t(change) WHERE outcomes[t.change] = 'written') THEN
      RAISE EXCEPTION 'a token is no longer free' USING ERRCODE = 'PDT01';
    END IF;
  END IF;

  IF p_types IS NOT NULL THEN
    INSERT INTO {schema}.events (
      namespace, run_id, position, type, correlation_id, at, committed_at, cause, epoch, key, key_hash, data, payload
    )
    SELECT p_namespace, p_run_ids[e.change], e.position, e.type, e.correlation_id, e.at, p_nows[e.change], e.cause,
      p_event_epochs[e.change], e.key, e.key_hash, e.data, e.payload
    FROM unnest(
      p_event_changes, p_positions, p_types, p_correlation_ids, p_ats, p_causes, p_event_keys, p_event_key_hashes,
      p_data, p_payloads
    ) AS e(change, position, type, correlation_id, at, cause, key, key_hash, data, payload)
    WHERE outcomes[e.change] = 'written';
  END IF;
  IF p_jobs_reported IS NOT NULL THEN
    DELETE FROM {schema}.step_jobs j
      USING unnest(p_jobs_reported, p_retry_attempts, p_report_changes) AS r(id, attempt, change)
      WHERE outcomes[r.change] = 'written' AND r.attempt IS NULL
        AND j.namespace = p_namespace AND j.run_id = p_run_ids[r.change] AND j.correlation_id = r.id;
  END IF;
  IF p_retry_attempts IS NOT NULL THEN
    UPDATE {schema}.step_jobs j SET attempt = r.attempt, delivery = 0, ready_at = r.ready_at, owner = NULL
      FROM unnest(p_jobs_reported, p_retry_attempts, p_retry_times, p_report_changes) AS r(id, attempt, ready_at, change)
      WHERE outcomes[r.change] = 'written' AND r.attempt IS NOT NULL
        AND j.namespace = p_namespace AND j.run_id = p_run_ids[r.change] AND j.correlation_id = r.id;
  END IF;
  IF p_jobs_added IS NOT NULL THEN
    INSERT INTO {schema}.step_jobs (namespace, run_id, correlation_id, step_id, position, attempt, delivery, ready_at)
      SELECT p_namespace, p_run_ids[j.change], j.id, j.step, j.position, 1, 0, j.ready_at
      FROM unnest(p_jobs_added, p_job_steps, p_job_positions, p_job_times, p_added_changes)
        AS j(id, step, position, ready_at, change)
      WHERE outcomes[j.change] = 'written';
  END IF;
END
$$;
`;
