import {
  admitStreamAppend,
  assertStreamAppendFits,
  isStreamPageReady,
  streamEnd,
  streamIndex,
  streamWriterId,
} from "../stream-rules.ts";
import {
  type StreamAppend,
  type StreamAppendResult,
  type StreamClose,
  type StreamInfo,
  type StreamPage,
  type StreamRange,
  streamBounds,
  type WorldStreams,
} from "../streams.ts";
import type { StoredRun, StoredStream } from "./memory-space.ts";
import type { Session } from "./session.ts";

export function memoryStreams(session: Session): WorldStreams {
  return {
    async append(runId, request) {
      assertStreamAppendFits(request);
      const storeNow = session.now();
      return append(session.get(runId), request, storeNow);
    },
    async read(runId, name, range) {
      session.assertOpen();
      const stored = session.get(runId);
      const page = pageOf(stored, name, range);
      const { waitMs = 0 } = range;
      return waitMs > 0 && !isStreamPageReady(page)
        ? waitForPage(session, stored, name, { ...range, from: page.first, waitMs })
        : page;
    },
    async info(runId, name) {
      session.assertOpen();
      const stored = session.get(runId);
      const stream = stored.streams.get(name);
      return stream === undefined ? null : infoOf(stored, stream);
    },
    async list(runId, { after, limit }) {
      session.assertOpen();
      const stored = session.get(runId);
      const names = [...stored.streams.keys()].filter((name) => after === null || name > after).sort();
      return names.slice(0, limit).flatMap((name) => {
        const stream = stored.streams.get(name);
        return stream === undefined ? [] : [infoOf(stored, stream)];
      });
    },
  };
}

function append(stored: StoredRun, request: StreamAppend, storeNow: number): StreamAppendResult {
  const { name, writer, chunks, close } = request;
  const known = stored.streams.get(name);
  const writerId = streamWriterId(writer);
  const verdict = admitStreamAppend(request, {
    run: stored.run,
    step: writer.by === "step" ? (stored.view.entityOf("step", writer.step) ?? null) : null,
    stream: known === undefined ? null : { count: known.chunks.length, isClosed: known.closed !== null },
    mark: known?.marks.get(writerId) ?? null,
  });
  if (verdict.kind === "repeated") return { kind: "appended", first: verdict.first };
  if (verdict.kind !== "admitted") return verdict;
  const stream: StoredStream = known ?? {
    name,
    createdAt: storeNow,
    chunks: [],
    bytes: 0,
    closed: null,
    marks: new Map(),
  };
  stored.streams.set(name, stream);
  const first = stream.chunks.length;
  for (const chunk of chunks) {
    stream.chunks.push(new Uint8Array(chunk));
    stream.bytes += chunk.byteLength;
  }
  stream.marks.set(writerId, { ...verdict.mark, first });
  stream.closed = close === null ? null : copyOf(close);
  for (const wake of [...stored.readers]) wake();
  return { kind: "appended", first };
}

/** The reader's own copy, or the store's. */
const copyOf = ({ error }: StreamClose): StreamClose => ({ error: error === null ? null : new Uint8Array(error) });

const endOf = (stored: StoredRun, stream: StoredStream | undefined) =>
  streamEnd(stream === undefined || stream.closed === null ? null : copyOf(stream.closed), stored.run);

function pageOf(stored: StoredRun, name: string, { from, limit }: StreamRange): StreamPage {
  const stream = stored.streams.get(name);
  const count = stream?.chunks.length ?? 0;
  const first = streamIndex(from, count);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const last = first + Math.min(Math.max(limit, 0), streamBounds.chunksPerPage);
  for (const chunk of stream?.chunks.slice(first, last) ?? []) {
    bytes += chunk.byteLength;
    if (bytes > streamBounds.bytesPerPage) break;
    chunks.push(new Uint8Array(chunk));
  }
  return { first, chunks, count, end: endOf(stored, stream) };
}

function infoOf(stored: StoredRun, stream: StoredStream): StreamInfo {
  const { name, chunks, bytes, createdAt } = stream;
  return { name, count: chunks.length, bytes, createdAt, end: endOf(stored, stream) };
}

function waitForPage(
  session: Session,
  stored: StoredRun,
  name: string,
  range: Required<StreamRange>,
): Promise<StreamPage> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      stored.readers.delete(look);
      cancelTimer();
      forgetClose();
    };
    const finish = () => {
      stop();
      resolve(pageOf(stored, name, range));
    };
    const look = () => {
      if (isStreamPageReady(pageOf(stored, name, { ...range, limit: 0 }))) finish();
    };
    const forgetClose = session.onClose((reason) => {
      stop();
      reject(reason);
    });
    const cancelTimer = session.env.setTimer(range.waitMs, finish);
    stored.readers.add(look);
  });
}
