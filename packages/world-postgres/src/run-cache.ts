/**
 * What this process remembers of runs, so that an append need not read them again: the row, and the fold of the log.
 *
 * Nothing here is trusted: an append is judged by what is remembered, and the statement that writes it refuses a row
 * that has changed since. Then the row is read again, and of the log what the fold has not seen, without payloads.
 *
 * C1 A remembered row is never replaced by an older one.
 * C2 A fold stands for the log from its beginning to its tail. It absorbs an append only if nobody moved it meanwhile.
 * C3 When a connection was lost, nothing is judged by what is remembered: it may be of a server that is no more, and whose
 *    last commits its successor does not have. What was acknowledged of a row is kept, to be compared with.
 *
 * Bounded by the number of entries and by the number of events that the folds stand for; the least recently used go
 * first.
 */
import { type Admitted, fold, isEnded, isKnownEventType, type LogEvent, RunView } from "@perdure/world";
import type { VersionedRun } from "./run-rows.ts";

/** How much is remembered. */
export interface CacheBounds {
  readonly entries: number;
  /** Summed over the folds: the events that they stand for. */
  readonly foldedEvents: number;
}

/** 1 to 3 KB for an entry, and 200 bytes for an event if every second one creates an entity: 90 MB at the most. */
const defaultBounds: CacheBounds = { entries: 25_000, foldedEvents: 500_000 };

/** What was acknowledged of a run's row. A row of the same run with a lower version is older than that. */
export interface Acknowledged {
  readonly runId: string;
  readonly version: number;
  /** A run that was deleted and created again under its id is another one. */
  readonly createdAt: number;
  readonly isLive: boolean;
}

interface Entry {
  stored: VersionedRun;
  /** False: only to be compared with. */
  isTrusted: boolean;
  view: RunView | null;
  /** The last event of a run that nobody drives: those read it who wait for the run's end, or take the run up. */
  last: LogEvent | null;
  /** How many events of the fold are counted in the bound. */
  counted: number;
  /** How often single steps or hooks of the run were looked for in its log. */
  looks: number;
}

/** Whoever has looked for single steps of a log so often will do so again: its fold is less work by then. */
const looksMax = 8;

const acknowledgedOf = ({ stored: { run, version } }: Entry): Acknowledged => ({
  runId: run.runId,
  version,
  createdAt: run.createdAt,
  isLive: !isEnded(run.status),
});

/** A larger payload is not kept. */
const keptPayloadMax = 2_048;

const shortOrNull = (event: LogEvent | undefined): LogEvent | null =>
  event !== undefined && (event.payload?.byteLength ?? 0) <= keptPayloadMax ? event : null;

/** Reads the events above a position, up to and including another one, without payloads. */
export type ReadHeads = (after: number, last: number) => Promise<readonly LogEvent[]>;

export class RunCache {
  readonly #bounds: CacheBounds;
  readonly #entries = new Map<string, Entry>();
  #foldedEvents = 0;

  constructor(bounds: CacheBounds = defaultBounds) {
    this.#bounds = bounds;
  }

  /** How much is remembered at this moment. */
  get size(): CacheBounds {
    return { entries: this.#entries.size, foldedEvents: this.#foldedEvents };
  }

  clear(): void {
    this.#entries.clear();
    this.#foldedEvents = 0;
  }

  /** Judge by nothing that is remembered (C3). */
  distrust(): void {
    for (const entry of this.#entries.values()) {
      entry.isTrusted = false;
      entry.view = null;
      entry.last = null;
      entry.counted = 0;
    }
    this.#foldedEvents = 0;
  }

  /** What was acknowledged of the row, as far as this is remembered. */
  acknowledged(runId: string): Acknowledged | null {
    const entry = this.#entries.get(runId);
    return entry === undefined ? null : acknowledgedOf(entry);
  }

  /** The same of the runs that were used last. */
  acknowledgedLast(count: number): readonly Acknowledged[] {
    return [...this.#entries.values()].slice(-count).map(acknowledgedOf);
  }

  /** The row as it was known last; null when it is not remembered. */
  get(runId: string): VersionedRun | null {
    const entry = this.#entries.get(runId);
    if (entry?.isTrusted !== true) return null;
    this.#entries.delete(runId);
    this.#entries.set(runId, entry);
    return entry.stored;
  }

  /** The last event as far as this process knows, if it has written that itself; null when it is not remembered. */
  lastEventOf(runId: string): LogEvent | null {
    const last = this.#entries.get(runId)?.last ?? null;
    return last !== null && last.position === this.tailOf(runId) ? last : null;
  }

  /** The newest tail that was seen of a run; null when it is not remembered. */
  tailOf(runId: string): number | null {
    const entry = this.#entries.get(runId);
    return entry?.isTrusted === true ? Math.max(entry.stored.run.tail, entry.view?.tail ?? 0) : null;
  }

  /** Take over a row that was just read or written, and the fold of its log where it is at hand. */
  remember(stored: VersionedRun, view: RunView | null = null): void {
    const { runId } = stored.run;
    const known = this.#entries.get(runId);
    if (known === undefined) {
      const entry: Entry = { stored, isTrusted: true, view, last: null, counted: 0, looks: 0 };
      this.#entries.set(runId, entry);
      this.#count(entry);
      this.#evict();
      return;
    }
    if (!known.isTrusted || known.stored.version < stored.version) known.stored = stored;
    known.isTrusted = true;
    if (!isEnded(known.stored.run.status)) return;
    known.view = null;
    this.#count(known);
  }

  forget(runId: string): void {
    const known = this.#entries.get(runId);
    if (known === undefined) return;
    this.#entries.delete(runId);
    this.#foldedEvents -= known.counted;
  }

  /**
   * The fold of the log up to the row's tail; an empty one for a run that has ended, since no rule looks at it then.
   * Throws `UnknownEventError` when the log holds an event of a newer version.
   */
  async viewOf({ run }: VersionedRun, readHeads: ReadHeads): Promise<RunView> {
    if (isEnded(run.status)) return RunView.empty();
    const known = this.heldView(run);
    if (known !== null) return known;
    const held = this.#entries.get(run.runId)?.view ?? null;
    const base = held !== null && held.tail < run.tail ? held : RunView.empty();
    const baseTail = base.tail;
    const missing = await readHeads(baseTail, run.tail);
    // The same events may have been seen by `observe` meanwhile.
    if (base.tail !== baseTail) return this.viewOf({ run, version: 0 }, readHeads);
    const view = fold(missing, base, run.runId);
    const entry = this.#entries.get(run.runId);
    if (entry !== undefined) {
      entry.view = view;
      this.#count(entry);
      this.#evict();
    }
    return view;
  }

  /**
   * True when the fold of a run is the way to learn of single steps of it: it is there already, if not up to the tail, or
   * they are asked for often. Each call is one time.
   */
  wantsFold(runId: string): boolean {
    const entry = this.#entries.get(runId);
    if (entry === undefined) return false;
    entry.looks += 1;
    return entry.view !== null || entry.looks > looksMax;
  }

  /** True when events have been seen that the remembered row does not know of: it is not worth a try. */
  isOutrun(runId: string): boolean {
    const entry = this.#entries.get(runId);
    return entry !== undefined && (entry.view?.tail ?? 0) > entry.stored.run.tail;
  }

  /** The fold if it is at hand and stands where the row stands, else null. */
  heldView({ runId, tail }: { readonly runId: string; readonly tail: number }): RunView | null {
    const view = this.#entries.get(runId)?.view ?? null;
    return view !== null && view.tail === tail ? view : null;
  }

  /**
   * Events that were read for somebody else, from just behind what is folded: the fold takes them along, because whoever
   * reads a whole log is about to append to it.
   */
  observe(runId: string, after: number, events: readonly LogEvent[]): void {
    const entry = this.#entries.get(runId);
    if (entry === undefined || isEnded(entry.stored.run.status) || (entry.view?.tail ?? 0) !== after) return;
    if (events.length === 0 || events.some(({ type }) => !isKnownEventType(type))) return;
    entry.view = fold(events, entry.view ?? RunView.empty(), runId);
    this.#count(entry);
    this.#evict();
  }

  /** Take over an append that was judged against the fold `view` and is durable. */
  advance(admitted: Admitted, version: number, view: RunView): void {
    const { run, fork, events } = admitted;
    this.remember({ run, version });
    const entry = this.#entries.get(run.runId);
    if (entry !== undefined) entry.last = run.owner === null ? shortOrNull(events.at(-1)) : null;
    const isUnmoved = entry?.view === view && view.tail === fork.tail - events.length;
    if (!isUnmoved || isEnded(run.status)) return;
    view.absorb(fork);
    this.#count(entry);
    this.#evict();
  }

  #count(entry: Entry): void {
    const events = entry.view?.tail ?? 0;
    this.#foldedEvents += events - entry.counted;
    entry.counted = events;
  }

  /** Forgets a tenth at a time: the front of a `Map` that entries were deleted from is slow to reach. */
  #evict(): void {
    const { entries, foldedEvents } = this.#bounds;
    if (this.#entries.size <= entries && this.#foldedEvents <= foldedEvents) return;
    const entriesKept = entries - Math.floor(entries / 10);
    const foldedKept = foldedEvents - Math.floor(foldedEvents / 10);
    for (const [runId] of this.#entries) {
      if (this.#entries.size <= entriesKept && this.#foldedEvents <= foldedKept) return;
      // The newest entry is the one in use; a single log above the bound stays until another run is used.
      if (this.#entries.size === 1) return;
      this.forget(runId);
    }
  }
}
