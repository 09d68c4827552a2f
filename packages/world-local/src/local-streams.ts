/** Streams: appending, reading, and waiting for what is still to come. */
import { WorkflowRunNotFoundError } from "@perdure/errors";
import {
  admitStreamAppend,
  assertStreamAppendFits,
  copiedStreamAppend,
  isEnded,
  RunView,
  readStream,
  type StepView,
  type StreamAppend,
  type StreamAppendResult,
  type StreamPage,
  type StreamRange,
  type StreamReader,
  streamEnd,
  streamIndex,
  streamInfo,
  streamWriterId,
  type WorldStreams,
} from "@perdure/world";
import { Refusal } from "./group-commit.ts";
import type { CachedRun } from "./run-cache.ts";
import { damagedRunError, type StoredRun } from "./run-rows.ts";
import type { Announce, Store } from "./store.ts";

/** The longest delay that a timer of Node takes, in milliseconds. */
const timerMaxMs = 2 ** 31 - 1;

export function localStreams(store: Store): WorldStreams {
  return {
    async append(runId, request) {
      assertStreamAppendFits(request);
      const own = copiedStreamAppend(request);
      return store.write((announce) => append(store, runId, own, announce));
    },
    read: (runId, name, range) =>
      readStream(
        range,
        (part) => store.read(() => pageOf(store, runId, name, part)),
        (reader, waitMs) => watch(store, runId, reader, waitMs),
      ),
    info: (runId, name) =>
      store.read(() => {
        const stored = runOf(store, runId);
        const stream = store.streams.find(stored.rid, name);
        return stream === null ? null : streamInfo(stream, stored.run);
      }),
    list: (runId, { after, limit }) =>
      store.read(() => {
        const stored = runOf(store, runId);
        return store.streams.list(stored.rid, after ?? "", limit).map((stream) => streamInfo(stream, stored.run));
      }),
  };
}

function append(store: Store, runId: string, request: StreamAppend, announce: Announce): StreamAppendResult | Refusal {
  const entry = store.cache.get(runId);
  if (entry === null) return new Refusal(new WorkflowRunNotFoundError(runId));
  const { name, writer, chunks, close } = request;
  const writerId = streamWriterId(writer);
  const known = store.streams.find(entry.rid, name);
  const verdict = admitStreamAppend(request, {
    run: entry.run,
    step: writer.by === "step" ? stepOf(store, entry, writer.step) : null,
    stream: known === null ? null : { count: known.count, isClosed: known.closed !== null },
    mark: known === null ? null : store.streams.mark(known.sid, writerId),
  });
  if (verdict.kind === "repeated") return { kind: "appended", first: verdict.first };
  if (verdict.kind !== "admitted") return verdict;
  const stream = known ?? store.streams.create(entry.rid, name, store.settings.now());
  store.streams.add(stream, chunks, close);
  store.streams.putMark(stream.sid, writerId, { ...verdict.mark, first: stream.count });
  announce({ runId, settled: null, hint: false, owner: null, streamed: true });
  return { kind: "appended", first: stream.count };
}

/** The step as the log has it. Of a run that has ended no fold is kept. */
function stepOf(store: Store, entry: CachedRun, correlationId: string): StepView | null {
  const view = isEnded(entry.run.status)
    ? RunView.ofEntity(entry.run, store.events.readEntity(entry.rid, correlationId))
    : store.cache.viewOf(entry);
  return view.entityOf("step", correlationId) ?? null;
}

function runOf(store: Store, runId: string): StoredRun {
  const found = store.runs.byId(runId);
  if (found === null) throw new WorkflowRunNotFoundError(runId);
  if (found.isDamaged) throw damagedRunError(runId);
  return found;
}

function pageOf(store: Store, runId: string, name: string, { from, limit }: StreamRange): StreamPage {
  const stored = runOf(store, runId);
  const stream = store.streams.find(stored.rid, name);
  const count = stream?.count ?? 0;
  const first = streamIndex(from, count);
  const chunks = stream === null ? [] : store.streams.chunks(stream, first, limit);
  return { first, chunks, count, end: streamEnd(stream?.closed ?? null, stored.run) };
}

function watch(store: Store, runId: string, reader: StreamReader, waitMs: number): () => void {
  const stopWaiting = store.signals.waitForStreams(runId, reader.changed);
  const forgetClose = store.onClose(reader.failed);
  const timer = setTimeout(reader.over, Math.min(waitMs, timerMaxMs));
  store.watchIfNeeded();
  return () => {
    clearTimeout(timer);
    stopWaiting();
    forgetClose();
    store.watchIfNeeded();
  };
}
