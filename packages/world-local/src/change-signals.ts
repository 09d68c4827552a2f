/**
 * Who in this process wants to know of changes: listeners of `wake`, calls that wait for a run to end, and readers that
 * wait for a stream to grow.
 *
 * Changes of this process arrive here after their commit and are told in a later turn of the event loop, once per run.
 * Changes of other processes arrive as "something has changed".
 */
import type { RunRecord, WakeHint } from "@perdure/world";

/** What a commit has changed about one run. */
export interface RunChange {
  readonly runId: string;
  /** The run as it is now, if it has ended or is parked; else null. */
  readonly settled: RunRecord | null;
  /** Whether a worker should look: the run may be due, or it moved under its driver. */
  readonly hint: boolean;
  /** A stream of the run has grown or was closed. */
  readonly streamed?: true;
  /** The worker that drives the run and has not made this change itself; null: any worker may take it. */
  readonly owner: string | null;
}

/** More runs than this in one turn of the event loop are told as one hint that anything may have changed. */
const namedHintsMax = 64;

export class ChangeSignals {
  readonly #listeners = new Set<(hint: WakeHint) => void>();
  readonly #waiters = new Map<string, Set<(run: RunRecord) => void>>();
  readonly #readers = new Map<string, Set<() => void>>();
  readonly #changed = new Set<string>();
  #anything = false;
  #scheduled = false;

  /** Whether anybody wants to know. */
  get isWatched(): boolean {
    return this.#listeners.size > 0 || this.#waiters.size > 0 || this.#readers.size > 0;
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

  /** Calls back when a stream of the run may have grown or ended. Returns the way to stop. */
  waitForStreams(runId: string, callback: () => void): () => void {
    const readers = this.#readers.get(runId) ?? new Set();
    this.#readers.set(runId, readers.add(callback));
    return () => {
      readers.delete(callback);
      if (readers.size === 0 && this.#readers.get(runId) === readers) this.#readers.delete(runId);
    };
  }

  /** The runs that somebody waits for. */
  get awaited(): readonly string[] {
    return [...this.#waiters.keys()];
  }

  /** A run has ended or is parked. */
  settled(run: RunRecord): void {
    for (const callback of [...(this.#waiters.get(run.runId) ?? [])]) callback(run);
  }

  /** Changes that this process has committed. */
  changed(changes: readonly RunChange[]): void {
    for (const { runId, settled, hint, streamed } of changes) {
      if (settled !== null) this.settled(settled);
      if (settled !== null || streamed === true) for (const wake of [...(this.#readers.get(runId) ?? [])]) wake();
      if (hint && this.#listeners.size > 0) {
        this.#changed.add(runId);
        this.#schedule();
      }
    }
  }

  /** Tell listeners and readers that anything of any run may have changed. */
  changedAnything(): void {
    for (const readers of [...this.#readers.values()]) for (const wake of [...readers]) wake();
    if (this.#listeners.size === 0) return;
    this.#anything = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#tell());
  }

  #tell(): void {
    this.#scheduled = false;
    const one = this.#anything || this.#changed.size > namedHintsMax;
    const hints: WakeHint[] = one ? [{ runId: null }] : [...this.#changed].map((runId) => ({ runId }));
    this.#anything = false;
    this.#changed.clear();
    for (const listener of [...this.#listeners]) for (const hint of hints) listener(hint);
  }
}
