/** Streams as they are stored, beside what was sent to them and what readers saw of them. Pure. */
import type { StreamEnd } from "@perdure/world";
import { type Batch, textsOf } from "./chunk-text.ts";
import type { SendEntry } from "./ledger-entries.ts";
import { compareTurns } from "./stream-fences.ts";

/** A chunk as it is stored. */
export interface ChunkLine {
  readonly run_id: string;
  readonly name: string;
  readonly text: string;
}

/** A stream as it is stored. */
export interface StreamLine {
  readonly run_id: string;
  readonly name: string;
  readonly closed: boolean;
  /** Of its run. */
  readonly status: string;
}

/** Every chunk, in the order of the streams. */
export const chunkLinesSql = `SELECT run_id, name, convert_from(payload, 'UTF8') AS text
FROM perdure.stream_chunks ORDER BY run_id, name, index`;

/** Every stream, with the state of its run. */
export const streamLinesSql = `SELECT s.run_id, s.name, s.closed, r.status FROM perdure.streams s
JOIN perdure.runs r ON r.namespace = s.namespace AND r.run_id = s.run_id`;

/** What a reader saw of a stream, from an index on. */
export interface Sighting {
  readonly run: string;
  readonly stream: string;
  readonly first: number;
  readonly texts: readonly string[];
  /** How the stream had ended by then, and with how many chunks; null: it had not. */
  readonly end: { readonly how: StreamEnd; readonly count: number } | null;
}

export class StoredStreams {
  readonly #chunks: ReadonlyMap<string, readonly ChunkLine[]>;
  readonly #streams: ReadonlyMap<string, StreamLine>;

  constructor(chunks: readonly ChunkLine[], streams: readonly StreamLine[]) {
    this.#chunks = Map.groupBy(chunks, ({ run_id: run, name }) => `${run} ${name}`);
    this.#streams = new Map(streams.map((line) => [`${line.run_id} ${line.name}`, line]));
  }

  #textsOf(run: string, stream: string): readonly string[] {
    return (this.#chunks.get(`${run} ${stream}`) ?? []).map(({ text }) => text);
  }

  hasAnyOf(batch: Batch): boolean {
    const stored = this.#textsOf(batch.run, batch.stream);
    return textsOf(batch).some((text) => stored.includes(text));
  }

  holds({ run, stream }: Pick<Batch, "run" | "stream">, first: number, texts: readonly string[]): boolean {
    const stored = this.#chunks.get(`${run} ${stream}`) ?? [];
    return texts.every((text, index) => stored[first + index]?.text === text);
  }

  /** What a reader saw is a part of what is stored, and nothing came after the end that it saw. */
  contradictions(sighting: Sighting): readonly string[] {
    const { run, stream, first, texts, end } = sighting;
    const what = `A reader of ${run} ${stream}, from ${first} on,`;
    const broken: string[] = [];
    if (!this.holds(sighting, first, texts)) broken.push(`${what} saw what is not there.`);
    if (end === null) return broken;
    const line = this.#streams.get(`${run} ${stream}`);
    const count = this.#textsOf(run, stream).length;
    if (count !== end.count) broken.push(`${what} saw the end after ${end.count} chunks, and there are ${count}.`);
    const isSo =
      end.how.by === "writer"
        ? line?.closed === true
        : line === undefined || (!line.closed && line.status === end.how.status);
    if (!isSo) broken.push(`${what} saw another end than is there: ${JSON.stringify(end.how)}.`);
    return broken;
  }

  /** `sent`: the batch of every chunk that anybody has sent, by run and text. */
  disorders(sent: ReadonlyMap<string, SendEntry>): readonly string[] {
    return [...this.#streams].flatMap(([key, line]) => {
      const found = disorderOf(line, this.#textsOf(line.run_id, line.name), sent);
      return found === null ? [] : [`The stream ${key} ${found}`];
    });
  }
}

/** Batches are whole and stand once; those of a step come in the order of its executions; a batch that closes is the last. */
function disorderOf(
  { run_id: run, closed }: StreamLine,
  texts: readonly string[],
  sent: ReadonlyMap<string, SendEntry>,
) {
  const last = new Map<string, Batch>();
  let isClosed = false;
  for (let index = 0; index < texts.length; ) {
    const batch = sent.get(`${run} ${texts[index] ?? ""}`);
    if (batch === undefined) return `holds at ${index} what nobody has sent.`;
    const expected = textsOf(batch);
    if (expected.some((text, offset) => texts[index + offset] !== text)) return `holds at ${index} a part of a batch.`;
    if (isClosed) return `goes on at ${index} after its end.`;
    const before = last.get(batch.step);
    const isLater = before === undefined || compareTurns(batch, before) > 0;
    if (!isLater && !(compareTurns(batch, before) === 0 && batch.n > before.n)) {
      return `holds ${label(batch)} at ${index}, behind ${label(before)}.`;
    }
    last.set(batch.step, batch);
    isClosed = batch.closes;
    index += expected.length;
  }
  return isClosed === closed ? null : `is ${closed ? "" : "not "}closed, and its last batch says otherwise.`;
}

export const label = ({ run, stream, step, attempt, delivery, n }: Batch): string =>
  `${run} ${JSON.stringify([stream, step, attempt, delivery, n])}`;
