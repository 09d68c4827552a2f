/**
 * Schema version 3: streams.
 *
 * A chunk's key is the stream's and the index in one integer, as an event's is the run's and the position. The size
 * stands before the bytes, so that a page can be cut without touching their overflow pages. What a run wrote vanishes
 * with its row.
 */
import type { Migration } from "../schema.ts";

export const streams: Migration = {
  version: 3,
  sql: `
CREATE TABLE streams (
  sid INTEGER PRIMARY KEY,
  rid INTEGER NOT NULL,
  name TEXT NOT NULL,
  count INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  error BLOB
);
CREATE UNIQUE INDEX streams_by_name ON streams (rid, name);

CREATE TABLE stream_writers (
  sid INTEGER NOT NULL,
  writer TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  delivery INTEGER NOT NULL,
  n INTEGER NOT NULL,
  first INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (sid, writer)
) WITHOUT ROWID;

CREATE TABLE stream_chunks (
  -- sid * 2^24 + index
  id INTEGER PRIMARY KEY,
  size INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  payload BLOB NOT NULL
);

CREATE TRIGGER streams_of_run AFTER DELETE ON runs BEGIN
  DELETE FROM streams WHERE rid = old.rid;
END;
CREATE TRIGGER parts_of_stream AFTER DELETE ON streams BEGIN
  DELETE FROM stream_writers WHERE sid = old.sid;
  DELETE FROM stream_chunks WHERE id >= old.sid << 24 AND id < (old.sid + 1) << 24;
END;
`,
};
