/**
 * What this process knows of the store's clock without asking.
 *
 * A reading travels back from the server before it is seen here, so adding the time that has passed here since then gives
 * a moment that the server's clock has reached already, unless it was set back. The statement that writes compares: it
 * refuses a moment ahead of the server's clock or far behind it, and answers with the right one.
 */
export class ServerClock {
  readonly #elapsed: () => number;
  #offset: number | null = null;

  /** `elapsed`: a clock in milliseconds that nobody sets. */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** A reading of the server's clock has just arrived. */
  learn(serverNow: number): void {
    this.#offset = serverNow - this.#elapsed();
  }

  /** A moment that the server's clock has reached, in whole milliseconds; null before the first reading. */
  estimate(): number | null {
    return this.#offset === null ? null : Math.floor(this.#elapsed() + this.#offset);
  }
}
