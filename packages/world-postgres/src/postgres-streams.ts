/** Streams: appending, reading, and waiting for what is still to come. */
import { WorkflowRunNotFoundError } from "@perdure/errors";
import {
  admitStreamAppend,
  assertStreamAppendFits,
  copiedStreamAppend,
  type RunStatus,
  RunView,
  readStream,
  type StepView,
  type StreamAppend,
  type StreamAppendResult,
  type StreamMark,
  type StreamPage,
  type StreamRange,
  streamEnd,
  streamInfo,
  streamWriterId,
  type WorldStreams,
} from "@perdure/world";
import type { StreamWaiter } from "./change-signals.ts";
import { KeyedTurns } from "./keyed-turns.ts";
import type { Store } from "./store.ts";
import type { StreamStore } from "./stream-store.ts";
import { StreamWrites } from "./stream-writes.ts";

/** The longest delay that a timer of Node takes, in milliseconds. */
const timerMaxMs = 2 ** 31 - 1;

/** Of so many writers it is remembered where they stand; about 500 bytes each. */
const rememberedMax = 10_000;

export function postgresStreams(store: Store): WorldStreams {
  const rows = store.streams;
  const appends = new StreamAppends(store);
  return {
    async append(runId, request) {
      assertStreamAppendFits(request);
      const own = copiedStreamAppend(request);
      return store.call(() => appends.append(runId, own));
    },
    read: (runId, name, range) =>
      readStream(
        range,
        (part) => store.call(() => pageOf(store, rows, runId, name, part)),
        (reader, waitMs) => watch(store, { runId, name, reader }, waitMs),
      ),
    info: (runId, name) =>
      store.call(async () => {
        const found = await rows.find(store.database, runId, name);
        if (!found.run) throw new WorkflowRunNotFoundError(runId);
        return found.stream === null ? null : streamInfo(found.stream, found.stream);
      }),
    list: (runId, { after, limit }) =>
      store.call(async () => {
        const found = await rows.list(store.database, runId, after, limit);
        if (found === null) throw new WorkflowRunNotFoundError(runId);
        return found.map((stream) => streamInfo(stream, stream));
      }),
  };
}

async function pageOf(
  store: Store,
  rows: StreamStore,
  runId: string,
  name: string,
  range: StreamRange,
): Promise<StreamPage> {
  const page = await rows.page(store.database, runId, name, range);
  if (page === null) throw new WorkflowRunNotFoundError(runId);
  const { first, chunks, count, closed } = page;
  return { first, chunks, count, end: streamEnd(closed, page) };
}

function watch(store: Store, waiter: StreamWaiter, waitMs: number): () => void {
  const { runId, reader } = waiter;
  store.assertOpen();
  const stopReading = store.signals.waitForStream(waiter);
  const stopWaiting = store.signals.waitFor(runId, reader.changed);
  const forgetClose = store.onClose(reader.failed);
  const timer = setTimeout(reader.over, Math.min(waitMs, timerMaxMs));
  store.watchIfNeeded();
  return () => {
    clearTimeout(timer);
    stopReading();
    stopWaiting();
    forgetClose();
  };
}

/** What an append is judged by. */
interface Ground {
  readonly status: RunStatus;
  /** The log was seen up to this position, as far as the step is concerned. */
  readonly tail: number;
  readonly step: StepView | null;
  readonly stream: { readonly count: number; readonly isClosed: boolean } | null;
  readonly mark: StreamMark | null;
}

/**
 * The way of every append: judge by what is remembered or likely, write by a statement that compares, and read and judge
 * again when it was not so. An answer that writes nothing is given only by what this append has read itself.
 */
class StreamAppends {
  readonly #store: Store;
  readonly #rows: StreamStore;
  readonly #writes: StreamWrites;
  readonly #turns = new KeyedTurns();
  readonly #remembered = new Map<string, Ground>();

  constructor(store: Store) {
    this.#store = store;
    this.#rows = store.streams;
    this.#writes = new StreamWrites(store.database, this.#rows);
    store.database.onConnectionLost(() => this.#remembered.clear());
    store.restoration.onNoticed(() => this.#remembered.clear());
  }

  /** Appends of one writer go one after the other. */
  append(runId: string, request: StreamAppend): Promise<StreamAppendResult> {
    const key = JSON.stringify([runId, request.name, streamWriterId(request.writer)]);
    return this.#turns.take(key, () => this.#untilDone(key, runId, request));
  }

  async #untilDone(key: string, runId: string, request: StreamAppend): Promise<StreamAppendResult> {
    let ground = this.#remembered.get(key) ?? this.#likely(runId, request);
    for (;;) {
      const isRead = ground === null;
      ground ??= await this.#read(runId, request);
      const verdict = admitStreamAppend(request, { ...ground, run: ground });
      if (verdict.kind === "admitted") {
        const { mark: known, tail } = ground;
        const written = await this.#writes.submit({ runId, request, mark: verdict.mark, known, tail });
        if (written.outcome === "missing") throw new WorkflowRunNotFoundError(runId);
        if (written.outcome === "written") {
          const { first } = written;
          this.#remember(key, {
            status: "running",
            tail: written.tail,
            step: ground.step,
            stream: { count: first + request.chunks.length, isClosed: request.close !== null },
            mark: { ...verdict.mark, first },
          });
          this.#store.announceStream(runId);
          return { kind: "appended", first };
        }
      } else if (isRead) {
        return verdict.kind === "repeated" ? { kind: "appended", first: verdict.first } : verdict;
      }
      ground = null;
    }
  }

  /** The first append of a writer, as nearly every one is: its run goes on, and nobody wrote before under its name. */
  #likely(runId: string, { writer, n }: StreamAppend): Ground | null {
    if (n !== 1) return null;
    const fresh = { status: "running", stream: null, mark: null } as const;
    if (writer.by === "outside") return { ...fresh, tail: 0, step: null };
    const run = this.#store.cache.get(runId)?.run;
    const step = run === undefined ? undefined : this.#store.cache.heldView(run)?.entityOf("step", writer.step);
    return run === undefined || step === undefined ? null : { ...fresh, tail: run.tail, step };
  }

  async #read(runId: string, request: StreamAppend): Promise<Ground> {
    const { database, events } = this.#store;
    const loaded = await this.#rows.load(database, runId, request);
    if (loaded === null) throw new WorkflowRunNotFoundError(runId);
    const { writer } = request;
    if (writer.by === "outside") return { ...loaded, step: null };
    const { status, tail } = loaded;
    const held = this.#store.cache.heldView({ runId, tail });
    const view =
      held ??
      RunView.ofEntity(
        { runId, tail, lastAt: 0, status },
        await events.readEntities(database, runId, [writer.step], tail),
      );
    return { ...loaded, step: view.entityOf("step", writer.step) ?? null };
  }

  #remember(key: string, ground: Ground): void {
    this.#remembered.delete(key);
    if (ground.stream?.isClosed === true) return;
    this.#remembered.set(key, ground);
    if (this.#remembered.size <= rememberedMax) return;
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}
