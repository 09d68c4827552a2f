/** The tables of streams: the statements, and nothing of what they are for. */
import type { NewStreamMark, RunStatus, StreamAppend, StreamClose, StreamMark } from "@perdure/world";
import { streamBounds, streamWriterId } from "@perdure/world";
import type { StreamWaiter } from "./change-signals.ts";
import type { Queries } from "./database.ts";
import { fromStoredText, hashOfKey, toStoredOrNull, toStoredText } from "./stored-text.ts";

/** An append that the rules have admitted, and what they judged by. */
export interface StreamWrite {
  readonly runId: string;
  readonly request: StreamAppend;
  readonly mark: NewStreamMark;
  /** The writer's mark as it was judged. */
  readonly known: StreamMark | null;
  /** The log was judged up to this position. */
  readonly tail: number;
}

/** What a write has done; anything but `written` has changed nothing. */
export type StreamWritten =
  | { readonly outcome: "written"; readonly first: number; readonly tail: number }
  | { readonly outcome: "stale" | "missing" | "busy" };

/** What an append is judged by, beside the step. */
export interface LoadedStream {
  readonly status: RunStatus;
  readonly tail: number;
  readonly stream: { readonly count: number; readonly isClosed: boolean } | null;
  readonly mark: StreamMark | null;
}

/** A stream's row with the state of its run. */
export interface FoundStream {
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
  readonly createdAt: number;
  readonly closed: StreamClose | null;
  readonly status: RunStatus;
}

/** A part of a stream, read in one statement. */
export interface FoundPage {
  readonly status: RunStatus;
  readonly first: number;
  readonly count: number;
  readonly closed: StreamClose | null;
  readonly chunks: readonly Uint8Array[];
}

interface LoadRow {
  readonly status: RunStatus;
  readonly tail: number;
  readonly count: number | null;
  readonly closed: boolean | null;
  readonly attempt: number | null;
  readonly delivery: number | null;
  readonly n: number | null;
  readonly first: number | null;
}

interface StreamRow {
  readonly status: RunStatus;
  readonly name: string | null;
  readonly count: number | null;
  readonly bytes: number | null;
  readonly closed: boolean | null;
  readonly error: Uint8Array | null;
  readonly created_at: number | null;
}

interface PageRow extends Pick<StreamRow, "status" | "count" | "closed" | "error"> {
  readonly first: number;
  readonly lengths: readonly number[] | null;
  readonly payload: Uint8Array | null;
}

interface WrittenRow {
  readonly outcomes: readonly StreamWritten["outcome"][];
  readonly firsts: readonly (number | null)[];
  readonly tails: readonly (number | null)[];
}

export class StreamStore {
  readonly #namespace: string;
  readonly #sql: ReturnType<typeof statements>;

  constructor(schema: string, namespace: string) {
    this.#namespace = toStoredText(namespace);
    this.#sql = statements(schema);
  }

  /** Null when there is no such run. */
  async load(queries: Queries, runId: string, { name, writer }: StreamAppend): Promise<LoadedStream | null> {
    const values = [...this.#keyOf(runId), toStoredText(name), hashOfKey(streamWriterId(writer))];
    const [row] = await queries.read<LoadRow>(this.#sql.load, values);
    if (row === undefined) return null;
    const { status, tail, count, closed, attempt, delivery, n, first } = row;
    const isMarked = attempt !== null && delivery !== null && n !== null && first !== null;
    return {
      status,
      tail,
      stream: count === null ? null : { count, isClosed: closed === true },
      mark: isMarked ? { attempt, delivery, n, first } : null,
    };
  }

  /** Writes each append that may still be written as it was judged. Answers come in the order of the appends. */
  async write(queries: Queries, writes: readonly StreamWrite[], wait: boolean): Promise<readonly StreamWritten[]> {
    const places = [...writes.keys()].sort((a, b) => compareKeys(keyOf(writes[a]), keyOf(writes[b])));
    const ordered = places.flatMap((place) => writes[place] ?? []);
    const values = [this.#namespace, wait, ...columnsOf(ordered)];
    const [row] = await queries.write<WrittenRow>(this.#sql.write, values);
    const answers: StreamWritten[] = writes.map(() => ({ outcome: "stale" }));
    for (const [index, place] of places.entries()) {
      const [outcome, first, tail] = [row?.outcomes[index], row?.firsts[index] ?? 0, row?.tails[index] ?? 0];
      if (outcome === "written") answers[place] = { outcome, first, tail };
      else if (outcome !== undefined) answers[place] = { outcome };
    }
    return answers;
  }

  /** At most `limit` chunks, as many as a page takes. Null when there is no such run. */
  async page(
    queries: Queries,
    runId: string,
    name: string,
    range: { readonly from: number; readonly limit: number },
  ): Promise<FoundPage | null> {
    const limit = Math.min(Math.max(range.limit, 0), streamBounds.chunksPerPage);
    const values = [...this.#keyOf(runId), toStoredText(name), range.from, limit, streamBounds.bytesPerPage];
    const [row] = await queries.read<PageRow>(this.#sql.page, values);
    if (row === undefined) return null;
    const { status, first, count, lengths, payload } = row;
    return { status, first, count: count ?? 0, closed: closedOf(row), chunks: cut(payload, lengths ?? []) };
  }

  /** `run` is false when there is no such run; `stream` is null when there is no such stream. */
  async find(
    queries: Queries,
    runId: string,
    name: string,
  ): Promise<{ readonly run: boolean; readonly stream: FoundStream | null }> {
    const rows = await queries.read<StreamRow>(this.#sql.find, [...this.#keyOf(runId), toStoredText(name)]);
    return { run: rows.length > 0, stream: rows.flatMap(foundStream)[0] ?? null };
  }

  /** The streams of a run by name, after one of them; null when there is no such run. */
  async list(
    queries: Queries,
    runId: string,
    after: string | null,
    limit: number,
  ): Promise<readonly FoundStream[] | null> {
    const values = [...this.#keyOf(runId), toStoredOrNull(after), limit];
    const rows = await queries.read<StreamRow>(this.#sql.list, values);
    return rows.length === 0 ? null : rows.flatMap(foundStream);
  }

  /** Of these, the ones whose streams hold what is waited for, or are closed. */
  async grown(queries: Queries, awaited: readonly StreamWaiter[]): Promise<readonly StreamWaiter[]> {
    const values = [
      this.#namespace,
      awaited.map(({ runId }) => toStoredText(runId)),
      awaited.map(({ name }) => toStoredText(name)),
      awaited.map(({ reader }) => reader.from),
    ];
    const rows = await queries.read<{ readonly nth: number }>(this.#sql.grown, values);
    return rows.flatMap(({ nth }) => awaited[nth - 1] ?? []);
  }

  #keyOf(runId: string): readonly [string, string] {
    return [this.#namespace, toStoredText(runId)];
  }
}

const closedOf = ({ closed, error }: Pick<StreamRow, "closed" | "error">): StreamClose | null =>
  closed === true ? { error } : null;

function foundStream(row: StreamRow): FoundStream[] {
  const { status, name, count, bytes, created_at } = row;
  if (name === null || count === null || bytes === null || created_at === null) return [];
  return [{ name: fromStoredText(name), count, bytes, createdAt: created_at, closed: closedOf(row), status }];
}

/** The parts of some bytes, each in memory of its own. */
function cut(bytes: Uint8Array | null, lengths: readonly number[]): readonly Uint8Array[] {
  let end = 0;
  return lengths.map((length) => {
    end += length;
    return bytes?.slice(end - length, end) ?? new Uint8Array();
  });
}

const keyOf = (write: StreamWrite | undefined): readonly [string, string] => [
  toStoredText(write?.runId ?? ""),
  toStoredText(write?.request.name ?? ""),
];

function compareKeys(a: readonly [string, string], b: readonly [string, string]): number {
  const [one, other] = a[0] === b[0] ? [a[1], b[1]] : [a[0], b[0]];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The parameters of `write_streams` after the first two: an array for each column, and all bytes in one value. */
function columnsOf(writes: readonly StreamWrite[]): readonly unknown[] {
  const parts: Uint8Array[] = [];
  let end = 1;
  const place = (bytes: Uint8Array): number => {
    parts.push(bytes);
    end += bytes.byteLength;
    return end - bytes.byteLength;
  };
  const chunks = writes.flatMap(({ request }, index) =>
    request.chunks.map((chunk, offset) => ({
      append: index + 1,
      offset,
      start: place(chunk),
      length: chunk.byteLength,
    })),
  );
  const errors = writes.map(({ request }) => {
    const error = request.close?.error ?? null;
    return error === null ? null : { start: place(error), length: error.byteLength };
  });
  return [
    writes.map(({ runId }) => toStoredText(runId)),
    writes.map(({ request }) => toStoredText(request.name)),
    writes.map(({ request }) => hashOfKey(streamWriterId(request.writer))),
    writes.map(({ request: { writer } }) => (writer.by === "step" ? toStoredText(writer.step) : null)),
    writes.map(({ tail }) => tail),
    writes.map(({ known }) => known?.attempt ?? null),
    writes.map(({ known }) => known?.delivery ?? null),
    writes.map(({ known }) => known?.n ?? null),
    writes.map(({ mark }) => mark.attempt),
    writes.map(({ mark }) => mark.delivery),
    writes.map(({ mark }) => mark.n),
    writes.map(({ request }) => request.chunks.length),
    writes.map(({ request }) => request.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)),
    writes.map(({ request }) => request.close !== null),
    errors.map((error) => error?.start ?? null),
    errors.map((error) => error?.length ?? null),
    chunks.map(({ append }) => append),
    chunks.map(({ offset }) => offset),
    chunks.map(({ start }) => start),
    chunks.map(({ length }) => length),
    Buffer.concat(parts),
  ];
}

function statements(schema: string) {
  const marks = Array.from({ length: 23 }, (_, index) => `$${index + 1}`).join(", ");
  const ofRun = "r.namespace = $1 AND r.run_id = $2";
  const streamColumns = "r.status, s.name, s.count, s.bytes, s.closed, s.error, s.created_at";
  const joined = `FROM ${schema}.runs r
LEFT JOIN ${schema}.streams s ON s.namespace = r.namespace AND s.run_id = r.run_id`;
  return {
    load: `SELECT r.status, r.tail, s.count, s.closed, w.attempt, w.delivery, w.n, w.first ${joined} AND s.name = $3
LEFT JOIN ${schema}.stream_writers w ON w.namespace = s.namespace AND w.run_id = s.run_id AND w.name = s.name
  AND w.writer_hash = $4
WHERE ${ofRun}`,
    write: `SELECT outcomes, firsts, tails FROM ${schema}.write_streams(${marks})`,
    page: `SELECT r.status, s.count, s.closed, s.error, f.first, p.lengths, p.payload ${joined} AND s.name = $3
CROSS JOIN LATERAL (SELECT CASE WHEN $4::bigint < 0 THEN greatest(coalesce(s.count, 0) + $4::bigint, 0)
  ELSE $4::bigint END AS first) f
CROSS JOIN LATERAL (
  SELECT array_agg(octet_length(c.payload) ORDER BY c.index) AS lengths,
    string_agg(c.payload, ''::bytea ORDER BY c.index) AS payload
  FROM (
    SELECT c.index, c.payload, sum(octet_length(c.payload)) OVER (ORDER BY c.index) AS total
    FROM ${schema}.stream_chunks c
    WHERE c.namespace = $1 AND c.run_id = $2 AND c.name = $3 AND c.index >= f.first AND c.index < f.first + $5::bigint
  ) c WHERE c.total <= $6::bigint
) p
WHERE ${ofRun}`,
    find: `SELECT ${streamColumns} ${joined} AND s.name = $3 WHERE ${ofRun}`,
    // Beside the streams, one row without a name: that of the run.
    list: `SELECT r.status, s.name, s.count, s.bytes, s.closed, s.error, s.created_at FROM ${schema}.runs r
CROSS JOIN LATERAL (
  (SELECT name, count, bytes, closed, error, created_at FROM ${schema}.streams
    WHERE namespace = $1 AND run_id = $2 AND ($3::text IS NULL OR name > $3) ORDER BY name LIMIT $4::bigint)
  UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL
) s
WHERE ${ofRun} ORDER BY s.name NULLS LAST`,
    grown: `SELECT a.nth FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY AS a(run_id, name, "from", nth)
JOIN ${schema}.streams s ON s.namespace = $1 AND s.run_id = a.run_id AND s.name = a.name
WHERE s.count > a."from" OR s.closed`,
  };
}
