/**
 * What this process remembers of runs, so that an append need not read them again: the row, and the fold of the log.
 *
 * A transaction may trust a remembered row only if no other connection has committed since it was read. SQLite's
 * `data_version` tells exactly that; when it has moved, every entry is of an older *generation* and its row is read
 * again. A fold is valid if and only if its tail equals the row's, else the events that are missing are read, without
 * payloads, and applied.
 *
 * Entries are changed inside of the transaction, before it is durable; when it is rolled back, everything is forgotten.
 * So a fold that is ahead of the file is never seen. Bounded by the number of entries and by the number of events that
 * the folds stand for; the least recently used go first.
 */
import { type Admitted, fold, isEnded, isKnownEventType, type LogEvent, type RunRecord, RunView } from "@perdure/world";
import type { EventRows } from "./event-rows.ts";
import { damagedRunError, type FoundRun, type RunRows, type StoredRun } from "./run-rows.ts";

/** How much is remembered. */
export interface CacheBounds {
  readonly entries: number;
  /** Summed over the folds: the events that they stand for. */
  readonly foldedEvents: number;
}

/** About 1 KB for an entry, and 200 bytes for an event if every second one creates an entity: 70 MB at the most. */
const defaultBounds: CacheBounds = { entries: 10_000, foldedEvents: 300_000 };

/** One remembered run. `run` and `view` are replaced as appends go on. */
export interface CachedRun {
  readonly rid: number;
  run: RunRecord;
  view: RunView | null;
  /** The last event of a run that ended under this process's eyes: whoever waited for the end reads it next. */
  end: LogEvent | null;
  generation: number;
}

/** A last event with a larger payload is read from the file. */
const endBytesMax = 4_096;

export class RunCache {
  readonly #runs: RunRows;
  readonly #events: EventRows;
  readonly #bounds: CacheBounds;
  readonly #entries = new Map<string, CachedRun>();
  #foldedEvents = 0;
  #generation = 0;

  constructor(runs: RunRows, events: EventRows, bounds: CacheBounds = defaultBounds) {
    this.#runs = runs;
    this.#events = events;
    this.#bounds = bounds;
  }

  /** How much is remembered at this moment. */
  get size(): CacheBounds {
    return { entries: this.#entries.size, foldedEvents: this.#foldedEvents };
  }

  /** Another connection has written: rows are to be read again. */
  nextGeneration(): void {
    this.#generation += 1;
  }

  clear(): void {
    this.#entries.clear();
    this.#foldedEvents = 0;
  }

  /** The run as this transaction sees it; null when there is none. Throws `UndecodableError` for a damaged row. */
  get(runId: string): CachedRun | null {
    const known = this.#entries.get(runId);
    if (known === undefined) {
      const stored = soundOrNull(this.#runs.byId(runId));
      return stored === null ? null : this.remember(stored, null);
    }
    this.#entries.delete(runId);
    if (known.generation !== this.#generation) {
      const stored = soundOrNull(this.#runs.byId(runId));
      if (stored === null || stored.rid !== known.rid) {
        this.#foldedEvents -= known.view?.tail ?? 0;
        return stored === null ? null : this.remember(stored, null);
      }
      known.run = stored.run;
      known.generation = this.#generation;
    }
    this.#entries.set(runId, known);
    return known;
  }

  /** The row, if it is remembered and of this generation. Outside of a transaction; it does not count as a use. */
  current(runId: string): RunRecord | null {
    const known = this.#entries.get(runId);
    return known?.generation === this.#generation ? known.run : null;
  }

  /** Enter a run that was just written or read. */
  remember(stored: StoredRun, view: RunView | null): CachedRun {
    const entry: CachedRun = { rid: stored.rid, run: stored.run, view, end: null, generation: this.#generation };
    this.#entries.set(stored.run.runId, entry);
    this.#foldedEvents += view?.tail ?? 0;
    this.#evict();
    return entry;
  }

  /**
   * The fold of the run's whole log; an empty one for a run that has ended, since no rule looks at it then. Throws
   * `UnknownEventError` when the log holds an event of a newer version.
   */
  viewOf(entry: CachedRun): RunView {
    const { view, run, rid } = entry;
    if (isEnded(run.status)) return RunView.empty();
    if (view !== null && view.tail === run.tail) return view;
    const base = view !== null && view.tail < run.tail ? view : RunView.empty();
    const missing = this.#events.readHeads(rid, base.tail, run.tail);
    this.#foldedEvents += missing.length - (base === view ? 0 : (view?.tail ?? 0));
    entry.view = fold(missing, base, run.runId);
    this.#evict();
    return entry.view;
  }

  /** The fold if it is at hand and stands where the row stands, else null. */
  heldView({ view, run }: CachedRun): RunView | null {
    return view !== null && view.tail === run.tail ? view : null;
  }

  /**
   * Events that were read for somebody else, from just behind what is folded: the fold takes them along, because whoever
   * reads a whole log is about to append to it.
   */
  observe(runId: string, after: number, events: readonly LogEvent[]): void {
    const entry = this.#entries.get(runId);
    if (entry === undefined || isEnded(entry.run.status) || (entry.view?.tail ?? 0) !== after) return;
    if (events.some((event) => !isKnownEventType(event.type))) return;
    entry.view = fold(events, entry.view ?? RunView.empty(), runId);
    this.#foldedEvents += events.length;
    this.#evict();
  }

  /** Take over an append that was written in this transaction. */
  advance(entry: CachedRun, { run, fork, events }: Admitted): void {
    // A fold that lags was not what the append was admitted against; it catches up when it is needed.
    const held = this.heldView(entry);
    entry.run = run;
    held?.absorb(fork);
    if (held !== null) this.#foldedEvents += events.length;
    if (!isEnded(run.status)) return;
    this.#dropView(entry);
    this.rememberEnd(entry, events);
  }

  /** Keep the last event of a run that ends with these. */
  rememberEnd(entry: CachedRun, events: readonly LogEvent[]): void {
    const last = events.at(-1);
    if (last !== undefined && (last.payload?.byteLength ?? 0) <= endBytesMax) entry.end = last;
  }

  /** The last event of an ended run, if it alone is asked for and is remembered; it can never change. */
  endAfter(runId: string, after: number): LogEvent | null {
    const end = this.#entries.get(runId)?.end ?? null;
    return end !== null && end.position === after + 1 ? end : null;
  }

  /** Take over a row that was written in this transaction. */
  replace(stored: StoredRun): void {
    const known = this.#entries.get(stored.run.runId);
    if (known === undefined) {
      this.remember(stored, null);
      return;
    }
    known.run = stored.run;
    known.generation = this.#generation;
  }

  /** Nothing more will be admitted against the fold of a run that has ended. */
  #dropView(entry: CachedRun): void {
    this.#foldedEvents -= entry.view?.tail ?? 0;
    entry.view = null;
  }

  /** Forgets a tenth at a time: the front of a `Map` that entries were deleted from is slow to reach. */
  #evict(): void {
    const { entries, foldedEvents } = this.#bounds;
    if (this.#entries.size <= entries && this.#foldedEvents <= foldedEvents) return;
    const entriesKept = entries - Math.floor(entries / 10);
    const foldedKept = foldedEvents - Math.floor(foldedEvents / 10);
    for (const [runId, entry] of this.#entries) {
      if (this.#entries.size <= entriesKept && this.#foldedEvents <= foldedKept) return;
      // The newest entry is the one in use; a single log above the bound stays until another run is used.
      if (this.#entries.size === 1) return;
      this.#entries.delete(runId);
      this.#foldedEvents -= entry.view?.tail ?? 0;
    }
  }
}

function soundOrNull(found: FoundRun | null): StoredRun | null {
  if (found?.isDamaged === true) throw damagedRunError(found.run.runId);
  return found;
}
