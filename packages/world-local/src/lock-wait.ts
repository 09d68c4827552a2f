/**
 * How long, and at what pace, a lock of another connection is waited for.
 *
 * SQLite's own busy timeout would block the event loop, so it is off and the waiting is done with timers: at first
 * almost at once, because another process's commit takes a fraction of a millisecond, then twice as long each time up
 * to a bound, with half of each delay random, so that two processes do not meet for ever.
 */
import { isLocked, lockedError, toStoreError } from "./store-errors.ts";

const firstDelayMs = 0.5;
const longestDelayMs = 40;

export class LockWait {
  readonly #file: string;
  readonly #limitMs: number;
  #since: number | null = null;
  #tries = 0;

  /** `limitMs`: how long to wait in all before giving up. */
  constructor(file: string, limitMs: number) {
    this.#file = file;
    this.#limitMs = limitMs;
  }

  /** After a failed try: how long to wait before the next one. Throws the `StoreError` when there is no use in it. */
  delayAfter(error: unknown): number {
    if (!isLocked(error)) throw toStoreError(error, this.#file);
    const now = performance.now();
    this.#since ??= now;
    const waitedMs = now - this.#since;
    if (waitedMs >= this.#limitMs) throw lockedError(this.#file, waitedMs, error);
    const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#tries);
    this.#tries += 1;
    return delay / 2 + (Math.random() * delay) / 2;
  }

  /** The lock was had: the next wait starts anew. */
  reset(): void {
    this.#since = null;
    this.#tries = 0;
  }
}

/** The result of `attempt`, tried again while another connection holds the lock. Rejects with a `StoreError`. */
export async function whileLocked<T>(file: string, limitMs: number, attempt: () => T): Promise<T> {
  const wait = new LockWait(file, limitMs);
  for (;;) {
    let delayMs: number;
    try {
      return attempt();
    } catch (error) {
      delayMs = wait.delayAfter(error);
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}
