/**
 * The tables of streams: one row per stream, one per writer of it, one per chunk.
 *
 * Each row has a checksum of all its columns, bytes included (L7): one that does not fit, or a chunk that is missing, is
 * an `UndecodableError` for whoever reads or writes that stream.
 */
import { invariant, UndecodableError } from "@perdure/errors";
import { type StreamClose, type StreamMark, streamBounds } from "@perdure/world";
import { sumOf, sumOfBytes } from "./row-sum.ts";
import { allRows, type DatabaseSync, firstRow, type StatementSync } from "./sqlite.ts";

/** Indexes take the low 24 bits of a chunk's key, streams the 29 above them. */
const chunksPerStream = 2 ** 24;

/** A stream as it was found. */
export interface StoredStream {
  readonly sid: number;
  readonly rid: number;
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
  readonly createdAt: number;
  readonly closed: StreamClose | null;
}

interface StreamRow {
  readonly sid: number;
  readonly rid: number;
  readonly name: string;
  readonly count: number;
  readonly bytes: number;
  readonly closed: number;
  readonly created_at: number;
  readonly sum: number;
  readonly error: Uint8Array | null;
}

interface MarkRow {
  readonly attempt: number;
  readonly delivery: number;
  readonly n: number;
  readonly first: number;
  readonly sum: number;
}

interface ChunkRow {
  readonly id: number;
  readonly size: number;
  readonly sum: number;
  readonly payload: Uint8Array;
}

const columns = "sid, rid, name, count, bytes, closed, created_at, sum, error";

export class StreamRows {
  readonly #find: StatementSync;
  readonly #list: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #findMark: StatementSync;
  readonly #putMark: StatementSync;
  readonly #insertChunk: StatementSync;
  readonly #sizes: StatementSync;
  readonly #chunks: StatementSync;

  constructor(db: DatabaseSync) {
    this.#find = db.prepare(`SELECT ${columns} FROM streams WHERE rid = ? AND name = ?`);
    this.#list = db.prepare(`SELECT ${columns} FROM streams WHERE rid = ? AND name > ? ORDER BY name LIMIT ?`);
    this.#insert = db.prepare(
      "INSERT INTO streams (rid, name, count, bytes, closed, created_at, sum) VALUES (?, ?, 0, 0, 0, ?, 0)",
    );
    this.#update = db.prepare("UPDATE streams SET count = ?, bytes = ?, closed = ?, error = ?, sum = ? WHERE sid = ?");
    this.#findMark = db.prepare(
      "SELECT attempt, delivery, n, first, sum FROM stream_writers WHERE sid = ? AND writer = ?",
    );
    this.#putMark = db.prepare("INSERT OR REPLACE INTO stream_writers VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#insertChunk = db.prepare("INSERT INTO stream_chunks (id, size, sum, payload) VALUES (?, ?, ?, ?)");
    const range = "FROM stream_chunks WHERE id >= ? AND id < ? ORDER BY id";
    this.#sizes = db.prepare(`SELECT size ${range}`);
    this.#chunks = db.prepare(`SELECT id, size, sum, payload ${range}`);
  }

  find(rid: number, name: string): StoredStream | null {
    const row = firstRow(this.#find, rid, name) as StreamRow | undefined;
    return row === undefined ? null : streamFromRow(row);
  }

  /** Streams of a run by name, after one of them. */
  list(rid: number, after: string, limit: number): readonly StoredStream[] {
    return (allRows(this.#list, rid, after, limit) as readonly StreamRow[]).map(streamFromRow);
  }

  /** A new and empty stream; it has its checksum once {@link add} was called for it. */
  create(rid: number, name: string, createdAt: number): StoredStream {
    const { lastInsertRowid } = this.#insert.run(rid, name, createdAt);
    return { sid: Number(lastInsertRowid), rid, name, count: 0, bytes: 0, createdAt, closed: null };
  }

  /** Chunks at the end of a stream, and whether they are its last. */
  add(stream: StoredStream, chunks: readonly Uint8Array[], closed: StreamClose | null): void {
    const { sid, rid, name, createdAt } = stream;
    const count = stream.count + chunks.length;
    invariant(count < chunksPerStream, `a stream holds fewer than ${chunksPerStream} chunks`);
    let { bytes } = stream;
    for (const [index, chunk] of chunks.entries()) {
      const id = sid * chunksPerStream + stream.count + index;
      this.#insertChunk.run(id, chunk.byteLength, sumOfChunk({ id, size: chunk.byteLength, payload: chunk }), chunk);
      bytes += chunk.byteLength;
    }
    const error = closed?.error ?? null;
    const isClosed = closed === null ? 0 : 1;
    const row = { sid, rid, name, count, bytes, closed: isClosed, created_at: createdAt, error };
    this.#update.run(count, bytes, isClosed, error, sumOfStream(row), sid);
  }

  mark(sid: number, writer: string): StreamMark | null {
    const row = firstRow(this.#findMark, sid, writer) as MarkRow | undefined;
    if (row === undefined) return null;
    if (sumOfMark(sid, writer, row) !== row.sum) throw damaged("The row of a stream's writer");
    const { attempt, delivery, n, first } = row;
    return { attempt, delivery, n, first };
  }

  putMark(sid: number, writer: string, mark: StreamMark): void {
    const { attempt, delivery, n, first } = mark;
    this.#putMark.run(sid, writer, attempt, delivery, n, first, sumOfMark(sid, writer, mark));
  }

  /** At most `limit` chunks from an index on, as many as a page takes. */
  chunks({ sid, count }: StoredStream, from: number, limit: number): readonly Uint8Array[] {
    if (from >= count || limit <= 0) return [];
    const start = sid * chunksPerStream + from;
    const wanted = Math.min(limit, count - from, streamBounds.chunksPerPage);
    const sizes = allRows(this.#sizes, start, start + wanted) as readonly { readonly size: number }[];
    const taken = fitting(sizes.map(({ size }) => size));
    const rows = allRows(this.#chunks, start, start + taken) as readonly ChunkRow[];
    if (sizes.length < wanted || rows.length < taken) throw missing(from + Math.min(sizes.length, rows.length));
    return rows.map((row, index) => {
      if (row.id !== start + index || sumOfChunk(row) !== row.sum) throw damaged(`Chunk ${from + index} of a stream`);
      return row.payload;
    });
  }
}

/** How many of these chunks go on one page. */
function fitting(sizes: readonly number[]): number {
  let bytes = 0;
  const beyond = sizes.findIndex((size) => {
    bytes += size;
    return bytes > streamBounds.bytesPerPage;
  });
  return beyond === -1 ? sizes.length : beyond;
}

function streamFromRow(row: StreamRow): StoredStream {
  if (sumOfStream(row) !== row.sum) throw damaged("The row of a stream");
  const { sid, rid, name, count, bytes, created_at, closed, error } = row;
  return { sid, rid, name, count, bytes, createdAt: created_at, closed: closed === 0 ? null : { error } };
}

function sumOfStream(row: Omit<StreamRow, "sum">): number {
  const { sid, rid, name, count, bytes, closed, created_at, error } = row;
  return sumOf([sid, rid, name, count, bytes, closed, created_at, sumOfStored(error)]);
}

function sumOfMark(sid: number, writer: string, { attempt, delivery, n, first }: StreamMark): number {
  return sumOf([sid, writer, attempt, delivery, n, first]);
}

function sumOfChunk({ id, size, payload }: Omit<ChunkRow, "sum">): number {
  return sumOf([id, size, sumOfStored(payload)]);
}

/** A damaged row may hold something else than bytes: that has the sum of nothing that was written. */
function sumOfStored(bytes: unknown): number | null {
  if (bytes === null) return null;
  return bytes instanceof Uint8Array ? sumOfBytes(bytes) : Number.NaN;
}

const hint = "The store is damaged: restore it from a backup.";

const damaged = (what: string) => new UndecodableError(`${what} does not match its checksum.`, { hint });

const missing = (index: number) => new UndecodableError(`Chunk ${index} of a stream is missing.`, { hint });
