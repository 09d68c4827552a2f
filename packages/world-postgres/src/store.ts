/**
 * One open store: the connections, what is remembered, and who wants to know of changes. The rooms of the world
 * (`postgres-*.ts`) share it.
 */
import { createHash, randomUUID } from "node:crypto";
import { isEnded, type LogEvent, type RunRecord } from "@perdure/world";
import type { ClientConfig } from "pg";
import { BackgroundPurge } from "./background-purge.ts";
import { ChangeSignals, type StreamWaiter } from "./change-signals.ts";
import type { Database } from "./database.ts";
import { type EventRow, EventRows, eventFromRow, type LogPart, type Range } from "./event-rows.ts";
import { JobRows } from "./job-rows.ts";
import { KeyedAppends } from "./keyed-appends.ts";
import { LateOffers } from "./late-offers.ts";
import { NoticeListener } from "./notice-listener.ts";
import { NoticeSender, type Notification } from "./notices.ts";
import { PostgresBundles } from "./postgres-bundles.ts";
import { ReadLane } from "./read-lane.ts";
import { Restoration } from "./restoration.ts";
import type { Retention } from "./retention.ts";
import { RunCache } from "./run-cache.ts";
import { type Hint, RunChanges } from "./run-changes.ts";
import { type RunRow, runColumns, settled, versionedRun } from "./run-rows.ts";
import { type LoadedRun, type RunKey, RunStore } from "./run-store.ts";
import { ServerClock } from "./server-clock.ts";
import { StepTransactions } from "./step-transactions.ts";
import { closedError } from "./store-errors.ts";
import { toStoredText } from "./stored-text.ts";
import { StreamStore } from "./stream-store.ts";
import { WriteLane } from "./write-lane.ts";

/** So many polls in a row that nobody wanted anything of end the watching: callers that wait one by one share it. */
const idlePollsMax = 10;

/** Any time will do: the timer only keeps the process alive. */
const holdMs = 60_000;
/** So many events, or fewer, are a short read. */
const shortReadMax = 64;

export interface StoreSettings {
  readonly config: ClientConfig;
  /** Host, port and database, for people. */
  readonly location: string;
  /** Whether statements are prepared once per connection: a connection is a session of the server. */
  readonly prepares: boolean;
  /** How to reach a session that can listen; null when there is no way. */
  readonly listenConfig: ClientConfig | null;
  /** The schema's name, quoted. */
  readonly schema: string;
  readonly namespace: string;
  readonly maxConnections: number;
  readonly maxTransactions: number;
  readonly notifications: boolean;
  readonly pollMs: number;
  /** How old a reading of the store's clock may be that an append is judged by. */
  readonly clockLagMsMax: number;
  /** Whether opening it makes and changes tables. */
  readonly migrates: boolean;
  /** Of bundles: the first one signs, all are accepted; empty: they are not signed. */
  readonly secrets: readonly string[];
  readonly retention: Retention;
}

/** What the store says of itself when it is opened. */
export interface StoreHead {
  readonly incarnation: string;
  readonly mark: string | null;
}

export class Store {
  readonly settings: StoreSettings;
  readonly database: Database;
  /** Whose database it is; a backup that is restored keeps it. */
  readonly incarnation: string;
  readonly restoration: Restoration;
  readonly clock = new ServerClock();
  readonly cache = new RunCache();
  readonly signals = new ChangeSignals();
  readonly runs: RunStore;
  readonly lane: WriteLane;
  readonly events: EventRows;
  readonly streams: StreamStore;
  readonly #rowReads: ReadLane<RunKey, LoadedRun | null>;
  readonly #logReads: ReadLane<LogPart, readonly EventRow[]>;
  readonly jobs: JobRows;
  readonly changes: RunChanges;
  readonly keyedAppends: KeyedAppends;
  readonly bundles: PostgresBundles;
  readonly #purging: BackgroundPurge;
  readonly transactions: StepTransactions;
  readonly #id = randomUUID();
  readonly #channel: string;
  readonly #listener: NoticeListener | null;
  readonly #sender: NoticeSender | null;
  readonly #offers: LateOffers;
  /** Ids of the workers that run in this process; their changes need not be told to other processes. */
  readonly #ownWorkers = new Set<string>();
  readonly #onClose = new Set<(reason: Error) => void>();
  readonly #calls = new Set<Promise<unknown>>();
  readonly #settledAmong: string;
  #polling: NodeJS.Timeout | null = null;
  #idlePolls = 0;
  #closing: Promise<void> | null = null;

  constructor(settings: StoreSettings, database: Database, head: StoreHead) {
    const { schema, namespace, listenConfig } = settings;
    this.settings = settings;
    this.database = database;
    this.incarnation = head.incarnation;
    this.restoration = new Restoration(database, settings, this.cache, head.mark);
    this.runs = new RunStore(schema, namespace, settings.clockLagMsMax);
    this.lane = new WriteLane(database, this.runs);
    this.events = new EventRows(schema, namespace);
    this.streams = new StreamStore(schema, namespace);
    this.#rowReads = new ReadLane((keys) => this.runs.loadAll(database, keys));
    this.#logReads = new ReadLane((parts) => this.events.readParts(database, parts));
    this.jobs = new JobRows(schema, namespace);
    this.changes = new RunChanges(this);
    this.keyedAppends = new KeyedAppends(this);
    this.bundles = new PostgresBundles(database, settings);
    this.#purging = new BackgroundPurge(database, settings);
    this.transactions = new StepTransactions(settings.config, settings.location, settings.maxTransactions);
    this.#settledAmong = `SELECT ${runColumns} FROM ${schema}.runs r
WHERE r.namespace = $1 AND r.run_id = ANY ($2::text[]) AND ${settled}`;
    const channel = channelOf(schema, namespace);
    this.#channel = channel;
    this.#sender = settings.notifications ? new NoticeSender(database, channel, this.#id) : null;
    this.#offers = new LateOffers(
      (runId) => isUnclaimed(this.cache.get(runId)?.run ?? null),
      (runId) => this.#sender?.send({ runId, settled: false, hint: true, streamed: false }),
    );
    this.#listener =
      settings.notifications && listenConfig !== null
        ? new NoticeListener({
            config: listenConfig,
            channel,
            onNotification: (notification) => this.#heard(notification),
            onUp: () => this.#sweep(true),
          })
        : null;
    database.onConnectionLost(() => {
      this.cache.distrust();
      this.restoration.connectionLost();
    });
    this.restoration.onNoticed(() => {
      this.cache.clear();
      this.#ownWorkers.clear();
      // Who works here is refused when it looks, and looks at once.
      this.signals.hint(null);
    });
  }

  /** The answer of a call of the world. While it is open a store waits for it before it closes. */
  async call<T>(action: () => Promise<T>): Promise<T> {
    this.assertOpen();
    const answer = action();
    this.#calls.add(answer);
    try {
      return await answer;
    } finally {
      this.#calls.delete(answer);
    }
  }

  assertOpen(): void {
    if (this.#closing !== null) throw closedError(this.settings.location);
  }

  /** A run's row as it is, with what was asked of its outside keys; null when there is no such run. */
  load(runId: string, outsideKey: string | null = null): Promise<LoadedRun | null> {
    return this.#rowReads.read({ runId, outsideKey });
  }

  /** A run's row as it is. */
  async row(runId: string): Promise<RunRecord | null> {
    const loaded = await this.load(runId);
    return loaded?.stored.run ?? null;
  }

  /** At most `limit` events of a part of a log, in order. What is certainly short is read together with others. */
  async readLog(runId: string, range: Range, limit: number): Promise<readonly LogEvent[]> {
    const tail = this.cache.tailOf(runId) ?? Number.POSITIVE_INFINITY;
    if (Math.min(limit, tail - range.after) > shortReadMax) {
      return this.events.read(this.database, runId, range, limit);
    }
    const rows = await this.#logReads.read({ runId, range, limit });
    return rows.map(eventFromRow);
  }

  /**
   * The last event of a run, where what this process remembers will do: nothing follows it, or it is read by the run's
   * driver, who is told of what follows.
   */
  lastEventOf(runId: string): LogEvent | null {
    const run = this.cache.get(runId)?.run;
    return run !== undefined && (isEnded(run.status) || this.isDrivenHere(run)) ? this.cache.lastEventOf(runId) : null;
  }

  /** Whoever works also deletes what was kept for long enough. */
  addOwnWorker(workerId: string): void {
    this.#ownWorkers.add(workerId);
    this.#purging.start();
  }

  /** A worker of this process is gone; whatever it held is any worker's now. */
  removeOwnWorker(workerId: string): void {
    this.#ownWorkers.delete(workerId);
  }

  /** Whether a worker of this process holds the run, as far as this process knows. */
  isDrivenHere({ owner }: RunRecord): boolean {
    return owner !== null && this.#ownWorkers.has(owner);
  }

  /** A change of a run is durable. */
  announce(run: RunRecord, hint: Hint | null): void {
    const { runId } = run;
    const hasSettled = isSettled(run);
    if (hasSettled) this.signals.settled(run);
    if (hint !== null) this.signals.hint(runId);
    const concernsOthers = hint !== null && (hint.owner === null || !this.#ownWorkers.has(hint.owner));
    const isLate = concernsOthers && !hint.jobs && this.#ownWorkers.size > 0 && isUnclaimed(run);
    if (isLate) this.#offers.add(runId);
    else if (hasSettled || concernsOthers) {
      this.#sender?.send({ runId, settled: hasSettled, hint: concernsOthers, streamed: false });
    }
  }

  /** What was appended to a stream of a run is durable. */
  announceStream(runId: string): void {
    this.signals.streamed(runId);
    this.#sender?.send({ runId, settled: false, hint: false, streamed: true });
  }

  /** Where notices are sent; null where none are. */
  get channel(): string | null {
    return this.#sender === null ? null : this.#channel;
  }

  /** Any worker may take a run, though nothing of its row has changed. */
  announceDue(runId: string): void {
    this.signals.hint(runId);
    this.#sender?.send({ runId, settled: false, hint: true, streamed: false });
  }

  /** Hear of changes of other processes as long as anybody wants to know of changes, and a little longer. */
  watchIfNeeded(): void {
    if (!this.signals.isWatched || this.#closing !== null) return;
    this.#idlePolls = 0;
    this.#listener?.start();
    this.#polling ??= setInterval(() => this.#poll(), this.settings.pollMs).unref();
  }

  /** Calls back when the store is closed, unless the returned function was called before. */
  onClose(callback: (reason: Error) => void): () => void {
    this.#onClose.add(callback);
    return () => this.#onClose.delete(callback);
  }

  /** Answers what was asked, then closes the connections. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Idle connections keep no process alive, and one that has nothing else to do would end before they are closed.
    const hold = setInterval(() => {}, holdMs);
    const listenerStopped = this.#stopWatching();
    const purgingStopped = this.#purging.stop();
    for (const callback of [...this.#onClose]) callback(closedError(this.settings.location));
    await Promise.allSettled([...this.#calls]);
    this.#offers.flush();
    await this.#sender?.flushed();
    await listenerStopped;
    await purgingStopped;
    await this.transactions.close();
    await this.database.close();
    clearInterval(hold);
  }

  #poll(): void {
    if (this.signals.isWatched) this.#sweep(this.#listener?.isUp !== true);
    else if (++this.#idlePolls >= idlePollsMax) void this.#stopWatching();
  }

  async #stopWatching(): Promise<void> {
    if (this.#polling !== null) clearInterval(this.#polling);
    this.#polling = null;
    await this.#listener?.stop();
  }

  #heard({ from, notices }: Notification): void {
    if (from === this.#id) return;
    if (notices === null) {
      this.#sweep(true);
      return;
    }
    for (const { runId, hint, streamed } of notices) {
      if (hint) this.signals.hint(runId);
      if (streamed) this.signals.streamed(runId);
    }
    const ended = notices.filter((notice) => notice.settled && this.signals.isAwaited(notice.runId));
    this.#tellOfSettled(ended.map(({ runId }) => runId));
  }

  /** Look for what notices would have told. `mayBeDue`: also runs may have become due without a notice. */
  #sweep(mayBeDue: boolean): void {
    if (mayBeDue) this.signals.hint(null);
    this.#tellOfSettled(this.signals.awaited);
    this.#tellOfStreams(this.signals.awaitedStreams);
  }

  #tellOfStreams(waiters: readonly StreamWaiter[]): void {
    if (waiters.length === 0 || this.#closing !== null) return;
    void this.call(async () => {
      for (const { reader } of await this.streams.grown(this.database, waiters)) reader.changed();
    }).catch(() => {
      // Out of reach: the next sweep looks again, and whoever reads is told why.
    });
  }

  #tellOfSettled(runIds: readonly string[]): void {
    if (runIds.length === 0 || this.#closing !== null) return;
    const { namespace } = this.settings;
    const values = [toStoredText(namespace), runIds.map(toStoredText)];
    void this.call(async () => {
      const rows = await this.database.read<RunRow>(this.#settledAmong, values);
      for (const row of rows) this.signals.settled(versionedRun(row, namespace).run);
    }).catch(() => {
      // Out of reach: the next sweep looks again, and whoever asks the store for anything is told why.
    });
  }
}

/** True for a run that nothing more is to be waited for: it has ended, or is parked. */
export const isSettled = (run: RunRecord): boolean => isEnded(run.status) || run.parked !== null;

/** True also for a run that nothing is known of. */
const isUnclaimed = (run: RunRecord | null): boolean => run === null || (run.owner === null && !isSettled(run));

/** The channel of a namespace. Channels are identifiers of a database, and no longer than 63 bytes. */
function channelOf(schema: string, namespace: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([schema, namespace]))
    .digest("hex");
  return `perdure_${hash.slice(0, 32)}`;
}
