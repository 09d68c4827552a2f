/**
 * Jobs: attempts of background steps that wait for a worker, or are at one. A job lies in exactly one of the two partial
 * indexes. `ready_at` is a double for the reason that `wake_at` is one.
 *
 * `write_jobs` is called by the append that a change belongs to. It raises SQLSTATE `PDT02` when a job is not at the
 * delivery that was judged.
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
CREATE INDEX step_jobs_by_owner ON {schema}.step_jobs (namespace, owner) WHERE owner IS NOT NULL;
`;

export const writeJobs = `
CREATE FUNCTION {schema}.write_jobs(p_namespace text, p_run_id text, p_jobs json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  expected integer;
  changed integer;
BEGIN
  IF p_jobs ->> 'droppedAll' IS NOT NULL THEN
    DELETE FROM {schema}.step_jobs WHERE namespace = p_namespace AND run_id = p_run_id;
    RETURN;
  END IF;
  DELETE FROM {schema}.step_jobs j USING json_to_recordset(p_jobs -> 'done') AS d(id text, attempt integer, delivery integer)
    WHERE j.namespace = p_namespace AND j.run_id = p_run_id AND j.correlation_id = d.id
      AND j.attempt = d.attempt AND j.delivery = d.delivery AND j.owner IS NOT NULL;
  GET DIAGNOSTICS changed = ROW_COUNT;
  expected := json_array_length(p_jobs -> 'done');
  IF changed < expected THEN
    RAISE EXCEPTION 'a job is at another delivery' USING ERRCODE = 'PDT02';
  END IF;
  UPDATE {schema}.step_jobs j SET attempt = d.next, delivery = 0, ready_at = d.ready, owner = NULL
    FROM json_to_recordset(p_jobs -> 'retried')
      AS d(id text, attempt integer, delivery integer, next integer, ready double precision)
    WHERE j.namespace = p_namespace AND j.run_id = p_run_id AND j.correlation_id = d.id
      AND j.attempt = d.attempt AND j.delivery = d.delivery AND j.owner IS NOT NULL;
  GET DIAGNOSTICS changed = ROW_COUNT;
  expected := json_array_length(p_jobs -> 'retried');
  IF changed < expected THEN
    RAISE EXCEPTION 'a job is at another delivery' USING ERRCODE = 'PDT02';
  END IF;
  INSERT INTO {schema}.step_jobs (namespace, run_id, correlation_id, step_id, position, attempt, delivery, ready_at)
    SELECT p_namespace, p_run_id, d.id, d.step, d.position, d.attempt, 0, d.ready
    FROM json_to_recordset(p_jobs -> 'added')
      AS d(id text, step text, position integer, attempt integer, ready double precision);
END
$$;
`;
