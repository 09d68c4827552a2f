/** The `events` table: how an event becomes a row and a row an event, and the statements that read logs. */
import { UndecodableError } from "@perdure/errors";
import type { LogEvent, RunRecord } from "@perdure/world";
import { bigIntegers, byteStrings, integers, texts } from "./binary-arrays.ts";
import type { Queries } from "./database.ts";
import { fromStoredOrNull, fromStoredText, hashOfKey, toStoredOrNull, toStoredText } from "./stored-text.ts";

/** An event as it is stored. */
export interface EventRow {
  readonly position: number;
  readonly type: string;
  readonly correlation_id: string | null;
  readonly at: number;
  readonly committed_at: number;
  readonly cause: number | null;
  readonly epoch: number | null;
  readonly key: string | null;
  readonly data: string | null;
  readonly payload?: Uint8Array | null;
}

const headColumns = "position, type, correlation_id, at, committed_at, cause, epoch, key, data";
const emptyData = Object.freeze({});

/** A part of a log: the positions above `after`, up to and including `last`. */
export interface Range {
  readonly after: number;
  readonly last: number;
}

/** A part of one of several logs. */
export interface LogPart {
  readonly runId: string;
  readonly range: Range;
  readonly limit: number;
}

/** One event. */
export interface EventPlace {
  readonly runId: string;
  readonly position: number;
}

/** An event that was asked for by its place. */
export interface PlacedEvent {
  readonly runId: string;
  readonly event: LogEvent;
  readonly run: Pick<RunRecord, "workflowName" | "startedAt">;
}

interface PlacedRow extends EventRow {
  readonly run_id: string;
  readonly workflow_name: string;
  readonly started_at: number | null;
}

/** The largest position that a row can have. */
export const lastPosition = 2 ** 31 - 1;

export class EventRows {
  readonly #namespace: string;
  readonly #read: string;
  readonly #heads: string;
  readonly #parts: string;
  readonly #entities: string;
  readonly #at: string;

  constructor(schema: string, namespace: string) {
    this.#namespace = toStoredText(namespace);
    const where = `FROM ${schema}.events WHERE namespace = $1 AND run_id = $2 AND position > $3::bigint AND position <= $4::bigint`;
    this.#read = `SELECT ${headColumns}, payload ${where} ORDER BY position LIMIT $5::bigint`;
    this.#heads = `SELECT ${headColumns} ${where} ORDER BY position`;
    this.#parts = `SELECT k.index, e.* FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
WITH ORDINALITY AS k(run_id, after, last, most, index),
LATERAL (SELECT ${headColumns}, payload FROM ${schema}.events WHERE namespace = $1 AND run_id = k.run_id
  AND position > k.after AND position <= k.last ORDER BY position LIMIT k.most) AS e
ORDER BY k.index, e.position`;
    const columns = headColumns.replaceAll(/\w+/g, "e.$&");
    // A seek for each, whatever the planner thinks of their number, and of what is in a log that has just become long.
    this.#at = `SELECT x.run_id, r.workflow_name, r.started_at, ${columns}, e.payload
FROM unnest($2::text[], $3::integer[]) AS x(run_id, position),
LATERAL (SELECT * FROM ${schema}.events WHERE namespace = $1 AND run_id = x.run_id AND position = x.position LIMIT 1) AS e,
LATERAL (SELECT workflow_name, started_at FROM ${schema}.runs WHERE namespace = $1 AND run_id = x.run_id LIMIT 1) AS r`;
    this.#entities = `SELECT ${headColumns} ${where} AND correlation_id = ANY ($5::text[]) ORDER BY position`;
  }

  /** At most `limit` events of a part of a log, in order; null: all. */
  async read(queries: Queries, runId: string, { after, last }: Range, limit: number | null): Promise<LogEvent[]> {
    const values = [this.#namespace, toStoredText(runId), after, last, limit];
    return (await queries.read<EventRow>(this.#read, values)).map(eventFromRow);
  }

  /** {@link read} for several logs in one statement; the answers are in the order of the parts. */
  async readParts(queries: Queries, parts: readonly LogPart[]): Promise<readonly (readonly EventRow[])[]> {
    const values = [
      this.#namespace,
      texts(parts, ({ runId }) => toStoredText(runId)),
      bigIntegers(parts, ({ range }) => range.after),
      bigIntegers(parts, ({ range }) => range.last),
      bigIntegers(parts, ({ limit }) => limit),
    ];
    const answers: EventRow[][] = parts.map(() => []);
    for (const row of await queries.read<EventRow & { readonly index: number }>(this.#parts, values)) {
      answers[row.index - 1]?.push(row);
    }
    return answers;
  }

  /** The same without payloads (null instead): all that a fold needs. */
  async readHeads(queries: Queries, runId: string, { after, last }: Range): Promise<LogEvent[]> {
    const values = [this.#namespace, toStoredText(runId), after, last];
    return (await queries.read<EventRow>(this.#heads, values)).map(eventFromRow);
  }

  /** Single events of any runs, with what is said of their runs, in no order; those that are damaged are left out. */
  async readAt(queries: Queries, places: readonly EventPlace[]): Promise<readonly PlacedEvent[]> {
    const runIds = places.map(({ runId }) => toStoredText(runId));
    const positions = places.map(({ position }) => position);
    const rows = await queries.read<PlacedRow>(this.#at, [this.#namespace, runIds, positions]);
    return rows.flatMap((row) => {
      const event = soundOrNull(row);
      const run = { workflowName: fromStoredText(row.workflow_name), startedAt: row.started_at };
      return event === null ? [] : [{ runId: fromStoredText(row.run_id), event, run }];
    });
  }

  /** The events of some steps, waits or hooks up to a position, without payloads. The server reads all of the log for it. */
  async readEntities(queries: Queries, runId: string, ids: readonly string[], last: number): Promise<LogEvent[]> {
    const values = [this.#namespace, toStoredText(runId), 0, last, ids.map(toStoredText)];
    return (await queries.read<EventRow>(this.#entities, values)).map(eventFromRow);
  }
}

/** Names that this version does not know are kept as they are, so that the run is parked and not misread. */
export function eventFromRow(row: EventRow): LogEvent {
  return {
    type: row.type,
    position: row.position,
    correlationId: fromStoredOrNull(row.correlation_id),
    at: row.at,
    committedAt: row.committed_at,
    cause: row.cause,
    epoch: row.epoch,
    key: fromStoredOrNull(row.key),
    data: row.data === null ? emptyData : parseData(row.data, row.position),
    payload: row.payload ?? null,
  } as LogEvent;
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

function soundOrNull(row: EventRow): LogEvent | null {
  try {
    return eventFromRow(row);
  } catch (error) {
    if (UndecodableError.is(error)) return null;
    throw error;
  }
}

/** JSON, or null for an event that says all by its type. */
function dataText(data: LogEvent["data"]): string | null {
  const text = JSON.stringify(data);
  return text === "{}" ? null : text;
}

/** Events as parameters of `write_runs`: an array for each column. */
export function eventColumns(events: readonly LogEvent[]) {
  return {
    positions: integers(events, ({ position }) => position),
    types: texts(events, ({ type }) => type),
    correlation_ids: texts(events, ({ correlationId }) => toStoredOrNull(correlationId)),
    ats: bigIntegers(events, ({ at }) => at),
    causes: integers(events, ({ cause }) => cause),
    event_keys: texts(events, ({ key }) => toStoredOrNull(key)),
    event_key_hashes: byteStrings(events, ({ key }) => (key === null ? null : hashOfKey(key))),
    data: texts(events, ({ data }) => dataText(data)),
    payloads: byteStrings(events, ({ payload }) => payload),
  };
}
