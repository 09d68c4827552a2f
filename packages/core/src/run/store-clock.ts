import { ClockEstimate } from "@perdure/world";

/**
 * The store's clock by the replies it gives, over a clock that nobody sets (`Env.elapsed`): the wall clock of the process
 * has no say in it (T1). The estimate is behind by what a reply travelled: a timer that is due by it is due by the store's
 * clock, unless that was set back. Then the store refuses what comes too early, and says what it reads.
 */
export class StoreClock {
  readonly #estimate = new ClockEstimate();

  /** A reply that arrived at `now` said that the store's clock read `storeNow`. */
  observe(storeNow: number, now: number): void {
    this.#estimate.observe(storeNow, now);
  }

  /** A refusal of what came too early said so. */
  correct(storeNow: number, now: number): void {
    this.#estimate.correct(storeNow, now);
  }

  estimate(now: number): number {
    return now + (this.#estimate.offsetMs ?? 0);
  }
}
