/**
 * The rules of streams as pure functions: may this batch be added, and has the stream ended?
 *
 * Like `admit`, every backend asks these and then only writes what comes back: the chunks at the end of the stream, and
 * the mark of their writer, in one commit that sees the run, the step, the stream and the mark as they were judged.
 */
import { StoreError } from "@perdure/errors";
import { isEnded, type RunRecord } from "./run-record.ts";
import type { StepView } from "./run-view.ts";
import {
  type StreamAppend,
  type StreamClose,
  type StreamEnd,
  type StreamInfo,
  type StreamPage,
  type StreamRefusal,
  type StreamWriter,
  streamBounds,
} from "./streams.ts";

/** What a backend keeps of each writer of a stream: its last append. */
export interface StreamMark extends NewStreamMark {
  /** The index of the first chunk of the append. */
  readonly first: number;
}

/** A mark as the rules write it; the store adds where the chunks went. */
export interface NewStreamMark {
  /** Of a step; 0 of an outside writer. */
  readonly attempt: number;
  readonly delivery: number;
  readonly n: number;
}

/** What the backend looked up for an append to a stream. */
export interface StreamContext {
  readonly run: Pick<RunRecord, "status">;
  /** The writer's step as the log has it; null: the log knows no such step, or the writer is none. */
  readonly step: StepView | null;
  /** Null: nothing was ever appended to a stream of this name. */
  readonly stream: { readonly count: number; readonly isClosed: boolean } | null;
  /** The mark of this writer on this stream; null: it has written nothing. */
  readonly mark: StreamMark | null;
}

/** What the rules say about an append to a stream. */
export type StreamVerdict =
  | { readonly kind: "admitted"; readonly mark: NewStreamMark }
  /** There is nothing to write: this is an append that was written before, or the end of a stream that has ended. */
  | { readonly kind: "repeated"; readonly first: number }
  | { readonly kind: "fenced" }
  | { readonly kind: "refused"; readonly reason: StreamRefusal };

/**
 * Judges an append to a stream. As in the log, a stale writer comes first (it is never answered with a success), then an
 * append that is sent again (it is answered as before, also after the end), then what is over.
 */
export function admitStreamAppend(request: StreamAppend, context: StreamContext): StreamVerdict {
  const { writer, n } = request;
  const { mark } = context;
  const turn = turnOf(writer);
  const age = mark === null ? -1 : compareTurns(mark, turn);
  if (age > 0) return { kind: "fenced" };
  const stale = writer.by === "step" ? refuseTurn(turn, context.step) : null;
  if (stale !== null) return stale;
  const last = mark !== null && age === 0 ? mark : null;
  if (last !== null && n <= last.n) {
    return n === last.n ? { kind: "repeated", first: last.first } : { kind: "fenced" };
  }
  const over = judgeEnd(request, context);
  if (over !== null) return over;
  return n === (last?.n ?? 0) + 1 ? { kind: "admitted", mark: { ...turn, n } } : refused("gap");
}

/** Null: this is the execution of the step's body that the log knows of. */
function refuseTurn(turn: Turn, step: StepView | null): StreamVerdict | null {
  if (step === null) return refused("step_unknown");
  const age = compareTurns(step, turn);
  if (age > 0) return { kind: "fenced" };
  // Deliveries and retries of a background step are not all in the log.
  return age < 0 && step.dispatch === "inline" ? refused("step_unknown") : null;
}

/** Null: run, step and stream go on. */
function judgeEnd({ chunks, close }: StreamAppend, { run, step, stream }: StreamContext): StreamVerdict | null {
  if (isEnded(run.status)) return refused("run_ended");
  if (step?.state === "done") return refused("step_done");
  if (stream?.isClosed !== true) return null;
  const isOnlyEnd = chunks.length === 0 && close !== null;
  return isOnlyEnd ? { kind: "repeated", first: stream.count } : refused("closed");
}

/** The end of a stream, given what its writers said and the state of its run; null while it may grow. */
export function streamEnd(closed: StreamClose | null, run: Pick<RunRecord, "status">): StreamEnd | null {
  if (closed !== null) return { by: "writer", error: closed.error };
  return isEnded(run.status) ? { by: "run", status: run.status } : null;
}

/** The index that `from` of a read stands for, in a stream of this many chunks. */
export const streamIndex = (from: number, count: number): number => (from < 0 ? Math.max(count + from, 0) : from);

/** True when a read has what it may wait for: a chunk at its index, or the end of the stream. */
export const isStreamPageReady = ({ first, count, end }: StreamPage): boolean => count > first || end !== null;

/** What the mark of a writer is kept by: one for all attempts and deliveries of a step. */
export const streamWriterId = (writer: StreamWriter): string =>
  writer.by === "step" ? `step ${writer.step}` : `outside ${writer.key}`;

/** For an append that is written later than it was asked for: what the caller does to its bytes meanwhile is not seen. */
export function copiedStreamAppend({ chunks, close, ...rest }: StreamAppend): StreamAppend {
  const error = close?.error ?? null;
  return {
    ...rest,
    chunks: chunks.map((chunk) => Uint8Array.from(chunk)),
    close: close === null ? null : { error: error === null ? null : Uint8Array.from(error) },
  };
}

/** What people are told of a stored stream and its run. */
export function streamInfo(
  { name, count, bytes, createdAt, closed }: Omit<StreamInfo, "end"> & { readonly closed: StreamClose | null },
  run: Pick<RunRecord, "status">,
): StreamInfo {
  return { name, count, bytes, createdAt, end: streamEnd(closed, run) };
}

/** Throws a `StoreError` for an append outside of {@link streamBounds}. */
export function assertStreamAppendFits({ name, writer, chunks, close }: StreamAppend): void {
  const { nameLength, chunksPerAppend, chunkBytes, bytesPerAppend } = streamBounds;
  const names = writer.by === "outside" ? [name, writer.key] : [name];
  if (names.some((text) => text.length < 1 || text.length > nameLength)) {
    throw tooLarge(`A name of a stream or of its writer has 1 to ${nameLength} characters.`);
  }
  if (chunks.length > chunksPerAppend) {
    throw tooLarge(`One append of ${chunks.length} chunks to a stream; a store takes ${chunksPerAppend}.`);
  }
  const sizes = [...chunks, ...(close?.error ? [close.error] : [])].map(({ byteLength }) => byteLength);
  const largest = sizes.reduce((most, size) => Math.max(most, size), 0);
  if (largest > chunkBytes) throw tooLarge(`A chunk or an error of ${largest} bytes; a store takes ${chunkBytes}.`);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > bytesPerAppend) {
    throw tooLarge(`One append of ${total} bytes to a stream; a store takes ${bytesPerAppend}.`);
  }
}

/** Attempt and delivery: which execution of a step's body it is. */
type Turn = Pick<StreamMark, "attempt" | "delivery">;

const turnOf = (writer: StreamWriter): Turn =>
  writer.by === "step" ? { attempt: writer.attempt, delivery: writer.delivery } : { attempt: 0, delivery: 0 };

/** Above 0 when `a` is the later one. */
const compareTurns = (a: Turn, b: Turn): number => a.attempt - b.attempt || a.delivery - b.delivery;

const refused = (reason: StreamRefusal): StreamVerdict => ({ kind: "refused", reason });

function tooLarge(message: string): StoreError {
  return new StoreError("STORE_UNSUPPORTED", message, {
    hint: "Cut the append at `streamBounds`.",
  });
}
