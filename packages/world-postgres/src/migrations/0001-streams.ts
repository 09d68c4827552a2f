/**
 * Streams, of schema version 1. What a run wrote vanishes with its row.
 *
 * `write_streams` is the only statement that writes to them: any number of appends, of any runs, in one round trip. It
 * compares what each one was judged by, and gives the chunks their places at the end of the stream; it decides nothing
 * else. Lock order: the run (shared, so that its end and its takeovers are before or after), then the stream. Appends come
 * in the order of run and name, and a batch never waits for a run, so that two of them wait for each other in one
 * direction only.
 */
const tables = `
CREATE TABLE {schema}.streams (
  namespace text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  count integer NOT NULL,
  bytes bigint NOT NULL,
  closed boolean NOT NULL,
  error bytea,
  created_at bigint NOT NULL,
  PRIMARY KEY (namespace, run_id, name),
  FOREIGN KEY (namespace, run_id) REFERENCES {schema}.runs ON DELETE CASCADE
) WITH (fillfactor = 80);

-- The last append of each writer of a stream.
CREATE TABLE {schema}.stream_writers (
  namespace text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  writer_hash bytea NOT NULL,
  attempt integer NOT NULL,
  delivery integer NOT NULL,
  n integer NOT NULL,
  first integer NOT NULL,
  PRIMARY KEY (namespace, run_id, name, writer_hash),
  FOREIGN KEY (namespace, run_id, name) REFERENCES {schema}.streams ON DELETE CASCADE
) WITH (fillfactor = 80);

CREATE TABLE {schema}.stream_chunks (
  namespace text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  index integer NOT NULL,
  payload bytea NOT NULL,
  PRIMARY KEY (namespace, run_id, name, index)
);
-- In place of a foreign key, which would be checked for each chunk: that is as much work as writing it.
CREATE FUNCTION {schema}.drop_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM {schema}.stream_chunks
    WHERE namespace = OLD.namespace AND run_id = OLD.run_id AND name = OLD.name;
  RETURN NULL;
END
$$;
CREATE TRIGGER chunks_of_stream AFTER DELETE ON {schema}.streams
  FOR EACH ROW EXECUTE FUNCTION {schema}.drop_chunks();
`;

/**
 * For each append: `written`, or what kept it from writing anything: `stale` (run, step, stream or mark are not as they
 * were judged), `missing` (there is no such run) or, without `p_wait`, `busy` (somebody has the run's row at this moment).
 * `firsts` are the indexes that the chunks got, `tails` the positions up to which the log holds nothing that was not judged.
 */
const writeStreams = `
CREATE FUNCTION {schema}.write_streams(
  p_namespace text, p_wait boolean,
  p_run_ids text[], p_names text[], p_writer_hashes bytea[], p_steps text[], p_tails integer[],
  p_known_attempts integer[], p_known_deliveries integer[], p_known_ns integer[],
  p_attempts integer[], p_deliveries integer[], p_ns integer[],
  p_counts integer[], p_bytes bigint[], p_closes boolean[], p_error_starts integer[], p_error_lengths integer[],
  p_chunk_appends integer[], p_chunk_offsets integer[], p_starts integer[], p_lengths integer[], p_payloads bytea,
  OUT outcomes text[], OUT firsts integer[], OUT tails integer[]
) LANGUAGE plpgsql AS $$
DECLARE
  run record;
  stream record;
BEGIN
  FOR i IN 1 .. cardinality(p_run_ids) LOOP
    outcomes[i] := 'stale';
    firsts[i] := NULL;
    tails[i] := NULL;

    IF p_wait THEN
      SELECT r.ended_at, r.tail INTO run FROM {schema}.runs r
        WHERE r.namespace = p_namespace AND r.run_id = p_run_ids[i] FOR SHARE;
    ELSE
      SELECT r.ended_at, r.tail INTO run FROM {schema}.runs r
        WHERE r.namespace = p_namespace AND r.run_id = p_run_ids[i] FOR SHARE SKIP LOCKED;
    END IF;
    IF NOT FOUND THEN
      outcomes[i] := CASE WHEN p_wait THEN 'missing' ELSE 'busy' END;
      CONTINUE;
    END IF;
    CONTINUE WHEN run.ended_at IS NOT NULL;
    CONTINUE WHEN p_steps[i] IS NOT NULL AND EXISTS (
      SELECT 1 FROM {schema}.events e WHERE e.namespace = p_namespace AND e.run_id = p_run_ids[i]
        AND e.position > p_tails[i] AND e.correlation_id = p_steps[i]);

    IF p_known_ns[i] IS NULL THEN
      INSERT INTO {schema}.streams (namespace, run_id, name, count, bytes, closed, created_at)
        VALUES (p_namespace, p_run_ids[i], p_names[i], 0, 0, false, {schema}.store_now()) ON CONFLICT DO NOTHING;
    END IF;
    SELECT s.count, s.closed INTO stream FROM {schema}.streams s
      WHERE s.namespace = p_namespace AND s.run_id = p_run_ids[i] AND s.name = p_names[i] FOR UPDATE;
    CONTINUE WHEN NOT FOUND OR stream.closed;

    IF p_known_ns[i] IS NULL THEN
      INSERT INTO {schema}.stream_writers (namespace, run_id, name, writer_hash, attempt, delivery, n, first)
        VALUES (p_namespace, p_run_ids[i], p_names[i], p_writer_hashes[i],
          p_attempts[i], p_deliveries[i], p_ns[i], stream.count)
        ON CONFLICT DO NOTHING;
    ELSE
      UPDATE {schema}.stream_writers w
        SET attempt = p_attempts[i], delivery = p_deliveries[i], n = p_ns[i], first = stream.count
        WHERE w.namespace = p_namespace AND w.run_id = p_run_ids[i] AND w.name = p_names[i]
          AND w.writer_hash = p_writer_hashes[i] AND w.n = p_known_ns[i]
          AND w.attempt = p_known_attempts[i] AND w.delivery = p_known_deliveries[i];
    END IF;
    CONTINUE WHEN NOT FOUND;

    UPDATE {schema}.streams s SET count = s.count + p_counts[i], bytes = s.bytes + p_bytes[i], closed = p_closes[i],
        error = CASE WHEN p_error_lengths[i] IS NOT NULL
          THEN substring(p_payloads FROM p_error_starts[i] FOR p_error_lengths[i]) END
      WHERE s.namespace = p_namespace AND s.run_id = p_run_ids[i] AND s.name = p_names[i];
    outcomes[i] := 'written';
    firsts[i] := stream.count;
    tails[i] := run.tail;
  END LOOP;

  INSERT INTO {schema}.stream_chunks (namespace, run_id, name, index, payload)
    SELECT p_namespace, a.run_id, a.name, a.first + c."offset", substring(p_payloads FROM c.start FOR c.length)
    FROM unnest(p_run_ids, p_names, firsts) WITH ORDINALITY AS a(run_id, name, first, nth)
    JOIN unnest(p_chunk_appends, p_chunk_offsets, p_starts, p_lengths) AS c(nth, "offset", start, length)
      ON c.nth = a.nth
    WHERE a.first IS NOT NULL;
END
$$;
`;

export const streamsSql = tables + writeStreams;
