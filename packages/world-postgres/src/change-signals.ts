/**
 * Who in this process wants to know of changes: listeners of `wake`, calls that wait for a run to end, and readers that
 * wait for a stream to grow.
 *
 * Changes arrive after their commit, those of this process at once and those of others as notifications, and are told in
 * a later turn of the event loop, once per run.
 */
import type { RunRecord, StreamReader, WakeHint } from "@perdure/world";

/** More runs than this in one turn of the event loop are told as one hint that anything may have changed. */
const namedHintsMax = 64;

/** A read that waits for a stream to grow or to end. */
export interface StreamWaiter {
  readonly runId: string;
  readonly name: string;
  readonly reader: StreamReader;
}

export class ChangeSignals {
  readonly #listeners = new Set<(hint: WakeHint) => void>();
  readonly #waiters = new Map<string, Set<(run: RunRecord) => void>>();
  readonly #readers = new Map<string, Set<StreamWaiter>>();
  readonly #hinted = new Set<string | null>();
  #scheduled = false;

  /** Whether anybody wants to know. */
  get isWatched(): boolean {
    return this.#listeners.size > 0 || this.#waiters.size > 0 || this.#readers.size > 0;
  }

  /** The runs that somebody waits for. */
  get awaited(): readonly string[] {
    return [...this.#waiters.keys()];
  }

  isAwaited(runId: string): boolean {
    return this.#waiters.has(runId);
  }

  listen(callback: (hint: WakeHint) => void): () => void {
    const listener = (hint: WakeHint): void => callback(hint);
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Calls back with the run when it has ended or was parked. Returns the way to stop. */
  waitFor(runId: string, callback: (run: RunRecord) => void): () => void {
    const waiters = this.#waiters.get(runId) ?? new Set();
    this.#waiters.set(runId, waiters.add(callback));
    return () => {
      waiters.delete(callback);
      if (waiters.size === 0 && this.#waiters.get(runId) === waiters) this.#waiters.delete(runId);
    };
  }

  /** The streams that somebody waits for. */
  get awaitedStreams(): readonly StreamWaiter[] {
    return [...this.#readers.values()].flatMap((readers) => [...readers]);
  }

  /** Returns the way to stop. */
  waitForStream(waiter: StreamWaiter): () => void {
    const { runId } = waiter;
    const readers = this.#readers.get(runId) ?? new Set();
    this.#readers.set(runId, readers.add(waiter));
    return () => {
      readers.delete(waiter);
      if (readers.size === 0 && this.#readers.get(runId) === readers) this.#readers.delete(runId);
    };
  }

  /** A stream of a run has grown or was closed. */
  streamed(runId: string): void {
    for (const { reader } of [...(this.#readers.get(runId) ?? [])]) reader.changed();
  }

  /** A run has ended or is parked. */
  settled(run: RunRecord): void {
    for (const callback of [...(this.#waiters.get(run.runId) ?? [])]) callback(run);
  }

  /** A worker should look at a run; null: at any. */
  hint(runId: string | null): void {
    if (this.#listeners.size === 0) return;
    this.#hinted.add(runId);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#scheduled = false;
    const isAnything = this.#hinted.has(null) || this.#hinted.size > namedHintsMax;
    const hints: WakeHint[] = isAnything ? [{ runId: null }] : [...this.#hinted].map((runId) => ({ runId }));
    this.#hinted.clear();
    for (const listener of [...this.#listeners]) for (const hint of hints) listener(hint);
  }
}
