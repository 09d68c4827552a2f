/**
 * The `events` table: the logs of all runs, clustered by run and position.
 *
 * Owns: the number of each event type in the file, and how an event becomes a row and a row an event. Payloads are the
 * last column, so that reading a log without them does not touch their overflow pages.
 */
import { invariant, UndecodableError } from "@perdure/errors";
import type { EventType, LogEvent, reservedEventTypes } from "@perdure/world";
import type { DatabaseSync, StatementSync } from "./sqlite.ts";

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

interface EventRow {
  readonly id: number;
  readonly type: number;
  readonly correlation_id: string | null;
  readonly at: number;
  readonly committed_at: number;
  readonly cause: number | null;
  readonly epoch: number | null;
  readonly key: string | null;
  readonly data: string | null;
  readonly payload?: Uint8Array | null;
}

const headColumns = "id, type, correlation_id, at, committed_at, cause, epoch, key, data";
const emptyData = Object.freeze({});

export class EventRows {
  readonly #insert: StatementSync;
  readonly #read: StatementSync;
  readonly #readHeads: StatementSync;
  readonly #readEntity: StatementSync;
  readonly #idOfKey: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(`INSERT INTO events (${headColumns}, payload) VALUES (${"?, ".repeat(9)}?)`);
    const where = "FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?";
    this.#read = db.prepare(`SELECT ${headColumns}, payload ${where}`);
    this.#readHeads = db.prepare(`SELECT ${headColumns} ${where}`);
    this.#readEntity = db.prepare(
      `SELECT ${headColumns} FROM events WHERE id > ? AND id < ? AND correlation_id = ? ORDER BY id`,
    );
    this.#idOfKey = db.prepare("SELECT id FROM events WHERE id >> 24 = ? AND key = ? AND key IS NOT NULL");
  }

  insert(rid: number, event: LogEvent): void {
    invariant(event.position < positionsPerRun, `the log of a run holds fewer than ${positionsPerRun} events`);
    this.#insert.run(
      rid * positionsPerRun + event.position,
      typeNumbers[event.type],
      event.correlationId,
      event.at,
      event.committedAt,
      event.cause,
      event.epoch,
      event.key,
      dataText(event.data),
      event.payload,
    );
  }

  /** Events after a position, in order. */
  read(rid: number, after: number, limit: number): readonly LogEvent[] {
    return this.#all(this.#read, rid, after, limit);
  }

  /** The same without payloads (null instead): all that a fold needs. */
  readHeads(rid: number, after: number): readonly LogEvent[] {
    return this.#all(this.#readHeads, rid, after, -1);
  }

  /** The events of one step, wait or hook, without payloads. */
  readEntity(rid: number, correlationId: string): readonly LogEvent[] {
    const first = rid * positionsPerRun;
    const rows = this.#readEntity.all(first, first + positionsPerRun, correlationId) as unknown as readonly EventRow[];
    return rows.map(eventFromRow);
  }

  /** The position that an outside writer's key has written, if it was used before. */
  positionOfKey(rid: number, key: string): number | null {
    const row = this.#idOfKey.get(rid, key) as { readonly id: number } | undefined;
    return row === undefined ? null : row.id % positionsPerRun;
  }

  #all(statement: StatementSync, rid: number, after: number, limit: number): readonly LogEvent[] {
    const first = rid * positionsPerRun;
    const rows = statement.all(first + after, first + positionsPerRun, limit) as unknown as readonly EventRow[];
    return rows.map(eventFromRow);
  }
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
    throw new UndecodableError(`The data of the event at position ${position} is no JSON.`, {
      cause,
      where: { position },
      hint: "The store is damaged: restore it from a backup.",
    });
  }
}

/** A type number of a newer version becomes a name that no version knows, so that the run is parked and not misread. */
function eventFromRow(row: EventRow): LogEvent {
  return {
    type: types.get(row.type) ?? `type_${row.type}`,
    position: row.id % positionsPerRun,
    correlationId: row.correlation_id,
    at: row.at,
    committedAt: row.committed_at,
    cause: row.cause,
    epoch: row.epoch,
    key: row.key,
    data: row.data === null ? emptyData : parseData(row.data, row.id % positionsPerRun),
    payload: row.payload ?? null,
  } as LogEvent;
}
