/**
 * Schema version 2: checksums of rows.
 *
 * SQLite notices damage to a page's structure and none to its content: of random bits of a small file that were flipped,
 * every tenth gave another event, run or bundle without an error. Rows that are there already get the checksum of what
 * they hold now. The payload stays the last column of an event, so that table is written anew.
 */
import { type EventRow, sumOfEvent } from "../event-rows.ts";
import { sumOf, sumOfBytes } from "../row-sum.ts";
import { type RunRow, sumOfRun } from "../run-rows.ts";
import type { Migration } from "../schema.ts";
import type { DatabaseSync } from "../sqlite.ts";

export const sums: Migration = {
  version: 2,
  sql: `
ALTER TABLE runs ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bundles ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;

DROP INDEX events_by_key;
ALTER TABLE events RENAME TO events_1;
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
  sum INTEGER NOT NULL,
  payload_sum INTEGER,
  payload BLOB
);
CREATE UNIQUE INDEX events_by_key ON events (id >> 24, key) WHERE key IS NOT NULL;
`,
  fill(db) {
    fillEvents(db);
    fillRuns(db);
    fillBundles(db);
    const row = db.prepare("SELECT value FROM meta WHERE key = 'incarnation'").get() as { readonly value: string };
    db.prepare("INSERT INTO meta (key, value) VALUES ('incarnation_sum', ?)").run(String(sumOf([row.value])));
  },
};

function fillEvents(db: DatabaseSync): void {
  const insert =
    db.prepare(`INSERT INTO events SELECT id, type, correlation_id, at, committed_at, cause, epoch, key, data, ?, ?, payload
    FROM events_1 WHERE id = ?`);
  for (const found of db.prepare("SELECT * FROM events_1").iterate()) {
    const row = found as unknown as Omit<EventRow, "sum" | "payload_sum"> & { readonly payload: Uint8Array | null };
    const payloadSum = sumOfBytes(row.payload);
    insert.run(sumOfEvent({ ...row, payload_sum: payloadSum }), payloadSum, row.id);
  }
  db.exec("DROP TABLE events_1");
}

function fillRuns(db: DatabaseSync): void {
  const update = db.prepare("UPDATE runs SET sum = ? WHERE rid = ?");
  for (const found of db.prepare("SELECT * FROM runs").all()) {
    const row = found as unknown as RunRow & { readonly namespace_id: number };
    update.run(sumOfRun(row.namespace_id, row), row.rid);
  }
}

function fillBundles(db: DatabaseSync): void {
  const update = db.prepare("UPDATE bundles SET sum = ? WHERE namespace_id = ? AND id = ?");
  for (const found of db.prepare("SELECT namespace_id, id, bytes FROM bundles").all()) {
    const row = found as { readonly namespace_id: number; readonly id: string; readonly bytes: Uint8Array };
    update.run(sumOfBytes(row.bytes), row.namespace_id, row.id);
  }
}
