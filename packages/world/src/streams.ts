/** Streams: ordered chunks of bytes that the steps of a run write beside its log, for readers outside. */
import type { RunStatus } from "./run-record.ts";

/** The bounds of one append to a stream, the same in every world. */
export const streamBounds = {
  /** Characters in the name of a stream, and in the key of an outside writer; at least one. */
  nameLength: 256,
  chunksPerAppend: 1_000,
  /** Of one chunk, and of the error that ends a stream. */
  chunkBytes: 4 * 1024 * 1024,
  bytesPerAppend: 8 * 1024 * 1024,
  chunksPerPage: 1_000,
  /** What one page of a read carries. */
  bytesPerPage: 8 * 1024 * 1024,
} as const;

/**
 * The streams of runs. A stream exists from its first append. Its chunks are numbered from 0 without a gap, in the order
 * of their commits; they live as long as the run's row. Nothing of a stream is in the run's log. A call about a run that
 * does not exist rejects with `WorkflowRunNotFoundError`.
 */
export interface WorldStreams {
  /** Adds a batch of chunks to the end of a stream, all or none; see `admitStreamAppend`. */
  append(runId: string, request: StreamAppend): Promise<StreamAppendResult>;
  /** Chunks from an index on, in order: always a prefix of what will ever be there. */
  read(runId: string, name: string, range: StreamRange): Promise<StreamPage>;
  /** Null when nothing was ever appended to a stream of this name. */
  info(runId: string, name: string): Promise<StreamInfo | null>;
  /** The streams of a run, in an order of the store's own in which a name keeps its place. */
  list(runId: string, range: { readonly after: string | null; readonly limit: number }): Promise<readonly StreamInfo[]>;
}

/** A batch of chunks by one writer. */
export interface StreamAppend {
  readonly name: string;
  readonly writer: StreamWriter;
  /**
   * Counts up per stream and writer, from 1, and from 1 again for each attempt and delivery of a step. A writer has one
   * append to a stream under way at a time, and sends the same one again when its answer was lost.
   */
  readonly n: number;
  readonly chunks: readonly Uint8Array[];
  /** Ends the stream after these chunks, for all writers; `error` says that it broke off. Null: it goes on. */
  readonly close: StreamClose | null;
}

/** How a writer ends a stream. */
export interface StreamClose {
  /** The error as a payload, for the reader; null when the stream is complete. */
  readonly error: Uint8Array | null;
}

/** Who writes: one execution of a step's body, or somebody who is none. */
export type StreamWriter =
  | {
      readonly by: "step";
      /** The step's correlation id. */
      readonly step: string;
      readonly attempt: number;
      readonly delivery: number;
    }
  /** `key`: a name that no other writer of this stream uses. */
  | { readonly by: "outside"; readonly key: string };

/** How an append to a stream ended; whatever is not `appended` left nothing behind. */
export type StreamAppendResult =
  /** `first`: the index of the first chunk of the batch. */
  | { readonly kind: "appended"; readonly first: number }
  /** A later attempt or delivery of the step has begun, or a later append of this writer was written. */
  | { readonly kind: "fenced" }
  | { readonly kind: "refused"; readonly reason: StreamRefusal };

/** Which rule an append to a stream breaks. */
export type StreamRefusal =
  /** The run has ended, and all of its streams with it. */
  | "run_ended"
  /** The log knows no such step, or no such attempt or delivery of it. */
  | "step_unknown"
  /** The step has its result. */
  | "step_done"
  | "closed"
  /** The writer's append before this one was never written. */
  | "gap";

/** Which chunks to read. */
export interface StreamRange {
  /** The index of the first chunk; negative: so many chunks before the end, or from the beginning. */
  readonly from: number;
  /** The most chunks of the page. It holds fewer, though more are there, where {@link streamBounds} are smaller. */
  readonly limit: number;
  /**
   * How long to wait, in milliseconds, for a chunk at `from` or for the end of the stream, when neither is there yet.
   * Default 0.
   */
  readonly waitMs?: number;
}

/** A part of a stream. */
export interface StreamPage {
  /** The index of the first chunk of the page, or of the chunk that was waited for: `from`, counted from the beginning. */
  readonly first: number;
  readonly chunks: readonly Uint8Array[];
  /** How many chunks the stream holds. */
  readonly count: number;
  /** How the stream ended; null while it may grow. The last page is the one that reaches `count`. */
  readonly end: StreamEnd | null;
}

/** How a stream came to its end. */
export type StreamEnd =
  | { readonly by: "writer"; readonly error: Uint8Array | null }
  /** The run ended before any writer closed the stream. */
  | { readonly by: "run"; readonly status: RunStatus };

/** A stream without its chunks. */
export interface StreamInfo {
  readonly name: string;
  readonly count: number;
  /** Summed over the chunks. */
  readonly bytes: number;
  /** Store clock. */
  readonly createdAt: number;
  readonly end: StreamEnd | null;
}
