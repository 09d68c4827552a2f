/**
 * The `events` table: the logs of all runs, clustered by run and position.
 *
 * Owns: the number of each event type in the file, and how an event becomes a row and a row an event. Payloads are the
 * last column, so that reading a log without them does not touch their overflow pages. Each row has a checksum of all
 * its columns but the payload, and the payload has one of its own among them (L7): a row that does not fit, or that is
 * missing, is an `UndecodableError`, and with it the run is parked.
 */
import { invariant, UndecodableError } from "@perdure/errors";
import type { EventType, LogEvent, reservedEventTypes } from "@perdure/world";
import { bytesMatch, sumOf, sumOfBytes } from "./row-sum.ts";
import { allRows, type DatabaseSync, firstRow, type StatementSync } from "./sqlite.ts";
import { sqlite, sqliteCode } from "./store-errors.ts";

type ReservedType = (typeof reservedEventTypes)[number];

/** The number of each event type in the file. Fixed for ever: only append. Reserved names have theirs already. */
const typeNumbers = {
  run_created: 1,
  run_started: 2,
  run_completed: 3,
  run_failed: 4,
  run_cancelled: 5,
  step_created: 10,
  step_started: 11,
  step_completed: 12,
  step_failed: 13,
  step_retrying: 14,
  wait_created: 20,
  wait_completed: 21,
  hook_created: 30,
  hook_conflict: 31,
  hook_received: 32,
  hook_disposed: 33,
  attr_set: 40,
  abort_requested: 41,
  run_moved: 42,
  child_started: 43,
  patch: 44,
} as const satisfies Record<EventType | ReservedType, number>;

const types: ReadonlyMap<number, string> = new Map(Object.entries(typeNumbers).map(([type, number]) => [number, type]));

/** Positions take the low 24 bits of an event's key, runs the 29 above them: together what a JS number holds exactly. */
const positionsPerRun = 2 ** 24;

/** A row of the table. */
export interface EventRow {
  readonly id: number;
  readonly type: number;
  readonly correlation_id: string | null;
  readonly at: number;
  readonly committed_at: number;
  readonly cause: number | null;
  readonly epoch: number | null;
  readonly key: string | null;
  readonly data: string | null;
  readonly sum: number;
  readonly payload_sum: number | null;
  readonly payload?: Uint8Array | null;
}

type SummedColumns = Omit<EventRow, "sum" | "payload">;

const headColumns = "id, type, correlation_id, at, committed_at, cause, epoch, key, data, sum, payload_sum";
const emptyData = Object.freeze({});

export class EventRows {
  readonly #insert: StatementSync;
  readonly #read: StatementSync;
  readonly #readHeads: StatementSync;
  readonly #readEntity: StatementSync;
  readonly #idOfKey: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(`INSERT INTO events (${headColumns}, payload) VALUES (${"?, ".repeat(11)}?)`);
    const where = "FROM events WHERE id > ? AND id <= ? ORDER BY id";
    this.#read = db.prepare(`SELECT ${headColumns}, payload ${where}`);
    this.#readHeads = db.prepare(`SELECT ${headColumns} ${where}`);
    this.#readEntity = db.prepare(
      `SELECT ${headColumns} FROM events WHERE id > ? AND id < ? AND correlation_id = ? ORDER BY id`,
    );
    this.#idOfKey = db.prepare("SELECT id FROM events WHERE id >> 24 = ? AND key = ? AND key IS NOT NULL");
  }

  insert(rid: number, event: LogEvent): void {
    invariant(event.position < positionsPerRun, `the log of a run holds fewer than ${positionsPerRun} events`);
    const row: SummedColumns = {
      id: rid * positionsPerRun + event.position,
      type: typeNumbers[event.type],
      correlation_id: event.correlationId,
      at: event.at,
      committed_at: event.committedAt,
      cause: event.cause,
      epoch: event.epoch,
      key: event.key,
      data: dataText(event.data),
      payload_sum: sumOfBytes(event.payload),
    };
    try {
      this.#insert.run(
        row.id,
        row.type,
        row.correlation_id,
        row.at,
        row.committed_at,
        row.cause,
        row.epoch,
        row.key,
        row.data,
        sumOfEvent(row),
        row.payload_sum,
        event.payload,
      );
    } catch (error) {
      if (sqliteCode(error) !== sqlite.constraint) throw error;
      throw damagedEvent(event.position, "is taken already, beyond the end of the log", error);
    }
  }

  /** Events after a position up to another one, both in the log, in order. */
  read(rid: number, after: number, last: number): readonly LogEvent[] {
    return this.#range(this.#read, rid, after, last, (row) => {
      if (bytesMatch(row.payload, row.payload_sum)) return eventFromRow(row);
      throw damagedEvent(row.id % positionsPerRun, "has a payload that does not match its checksum");
    });
  }

  /** The same without payloads (null instead): all that a fold needs. */
  readHeads(rid: number, after: number, last: number): readonly LogEvent[] {
    return this.#range(this.#readHeads, rid, after, last, eventFromRow);
  }

  /** The events of one step, wait or hook, without payloads. */
  readEntity(rid: number, correlationId: string): readonly LogEvent[] {
    const first = rid * positionsPerRun;
    const rows = allRows(this.#readEntity, first, first + positionsPerRun, correlationId) as readonly EventRow[];
    return rows.map(eventFromRow);
  }

  /** The position that an outside writer's key has written, if it was used before. */
  positionOfKey(rid: number, key: string): number | null {
    const row = firstRow(this.#idOfKey, rid, key) as { readonly id: number } | undefined;
    return row === undefined ? null : row.id % positionsPerRun;
  }

  #range(
    statement: StatementSync,
    rid: number,
    after: number,
    last: number,
    eventOf: (row: EventRow) => LogEvent,
  ): readonly LogEvent[] {
    if (last <= after) return [];
    const first = rid * positionsPerRun;
    const rows = allRows(statement, first + after, first + last) as readonly EventRow[];
    const events = rows.map((row, index) => {
      if (row.id !== first + after + 1 + index) throw damagedEvent(after + 1 + index, "is missing");
      return eventOf(row);
    });
    if (events.length < last - after) throw damagedEvent(after + events.length + 1, "is missing");
    return events;
  }
}

/** The checksum of a row: of all columns but the payload itself. */
export function sumOfEvent(row: SummedColumns): number {
  const { id, type, correlation_id, at, committed_at, cause, epoch, key, data, payload_sum } = row;
  return sumOf([id, type, correlation_id, at, committed_at, cause, epoch, key, data, payload_sum]);
}

/** JSON, or null for an event that says all by its type. */
function dataText(data: LogEvent["data"]): string | null {
  const text = JSON.stringify(data);
  return text === "{}" ? null : text;
}

function parseData(text: string, position: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damagedEvent(position, "has data that are no JSON", cause);
  }
}

/**
 * A type number of a newer version becomes a name that no version knows, so that the run is parked and not misread.
 * Throws `UndecodableError` for a row that is not as it was written.
 */
function eventFromRow(row: EventRow): LogEvent {
  const position = row.id % positionsPerRun;
  if (sumOfEvent(row) !== row.sum) throw damagedEvent(position, "does not match its checksum");
  return {
    type: types.get(row.type) ?? `type_${row.type}`,
    position,
    correlationId: row.correlation_id,
    at: row.at,
    committedAt: row.committed_at,
    cause: row.cause,
    epoch: row.epoch,
    key: row.key,
    data: row.data === null ? emptyData : parseData(row.data, position),
    payload: row.payload ?? null,
  } as LogEvent;
}

function damagedEvent(position: number, what: string, cause?: unknown): UndecodableError {
  return new UndecodableError(`The event at position ${position} ${what}.`, {
    cause,
    where: { position },
    hint: "The store is damaged: restore it from a backup.",
  });
}
