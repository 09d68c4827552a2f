/**
 * Beats from a thread of their own, so that a step which blocks the event loop does not lose its worker's runs.
 *
 * The source is text and not a file, because bundlers lose files that nothing imports; it needs nothing but Node. Its
 * connection flushes nothing (`synchronous = NORMAL`): a beat that a power cut takes back is of no use afterwards, and
 * the next flushed commit of the event loop carries it along. When the log is long it is copied into the main file here,
 * so that no commit of the event loop has to stop for it.
 */
import { checkpointPagesWithThread } from "./connection.ts";
import { beatSql } from "./worker-rows.ts";

export interface HeartbeatThreadData {
  readonly file: string;
  readonly namespaceId: number;
  readonly beatSql: string;
  readonly checkpointBytes: number;
  readonly checkpointEveryMs: number;
}

export function heartbeatThreadData(file: string, namespaceId: number): HeartbeatThreadData {
  return {
    file,
    namespaceId,
    beatSql,
    checkpointBytes: (checkpointPagesWithThread / 2) * 4096,
    checkpointEveryMs: 100,
  };
}

/** CommonJS. 5 and 6 are SQLITE_BUSY and SQLITE_LOCKED: a beat that meets a lock is skipped, the next one follows. */
export const heartbeatSource = `"use strict";
const { statSync } = require("node:fs");

function loadSqlite() {
  const emitWarning = process.emitWarning;
  process.emitWarning = function (warning, options, ...rest) {
    const type = typeof options === "object" && options !== null ? options.type : options;
    if (type !== "ExperimentalWarning") emitWarning.call(process, warning, options, ...rest);
  };
  try {
    return require("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

function unlessLocked(action) {
  try {
    action();
  } catch (error) {
    const code = error.errcode & 0xff;
    if (code !== 5 && code !== 6) throw error;
  }
}

module.exports = (data) => {
  const db = new (loadSqlite().DatabaseSync)(data.file);
  db.exec("PRAGMA busy_timeout = 50; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cell_size_check = ON");
  if (process.platform === "darwin") db.exec("PRAGMA checkpoint_fullfsync = ON");
  const beat = db.prepare(data.beatSql);
  const log = data.file + "-wal";

  let copiedAt = 0;

  function checkpoint() {
    const stats = statSync(log, { throwIfNoEntry: false });
    if (stats === undefined || stats.size <= data.checkpointBytes || stats.mtimeMs === copiedAt) return;
    copiedAt = stats.mtimeMs;
    unlessLocked(() => db.exec("PRAGMA wal_checkpoint(PASSIVE)"));
  }

  const timer = setInterval(checkpoint, data.checkpointEveryMs);
  timer.unref();
  return {
    beat(worker) {
      const workflows = JSON.stringify(worker.workflows);
      unlessLocked(() => beat.run(data.namespaceId, worker.id, Date.now(), worker.leaseMs, workflows));
      checkpoint();
    },
    close() {
      clearInterval(timer);
      db.close();
    },
  };
};
`;
