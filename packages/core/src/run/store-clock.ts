/**
 * An estimate of the store's clock from the replies it gives, over a clock that nobody sets (`Env.elapsed`): the wall clock
 * of the process has no say in it (T1). The offset is taken when a reply arrives, so the estimate
 * lags by at most the time that the reply travelled: a timer that is due by the estimate is due by the store's clock.
 */
export class StoreClock {
  #offsetMs: number | null = null;

  /** A reply that arrived at `now` said that the store's clock read `storeNow`. */
  observe(storeNow: number, now: number): void {
    this.#offsetMs = storeNow - now;
  }

  estimate(now: number): number {
    return now + (this.#offsetMs ?? 0);
  }
}
