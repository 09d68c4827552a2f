import { ClockEstimate } from "@perdure/world";
import type { WriteResult } from "./run-writes.ts";

/**
 * What this process knows of the store's clock without asking: a moment that it has reached already, unless it was set back.
 * The statement that writes compares: it refuses a moment ahead of the server's clock or far behind it, and answers with
 * the right one.
 */
export class ServerClock {
  readonly #elapsed: () => number;
  readonly #estimate = new ClockEstimate();

  /** `elapsed`: a clock in milliseconds that nobody sets. */
  constructor(elapsed: () => number = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** A reading of the server's clock has just arrived. */
  learn(serverNow: number): void {
    this.#estimate.observe(serverNow, this.#elapsed());
  }

  /** The answer to a write has just arrived. */
  learnFrom({ outcome, now }: Pick<WriteResult, "outcome" | "now">): void {
    if (now === null) return;
    if (outcome === "clock") this.#estimate.correct(now, this.#elapsed());
    else this.learn(now);
  }

  /** A moment that the server's clock has reached, in whole milliseconds; null before the first reading. */
  estimate(): number | null {
    const { offsetMs } = this.#estimate;
    return offsetMs === null ? null : Math.floor(this.#elapsed() + offsetMs);
  }
}
