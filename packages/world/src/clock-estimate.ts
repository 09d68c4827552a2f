/**
 * How far a store's clock is ahead of a clock here, from what the store says.
 *
 * A reading travels before it is seen, so the offset that it gives is too small by that time, and never too large unless the
 * store's clock was set back. Of several readings the one that travelled least says most: one that came in while
 * this process was busy is late by all that it waited. So the largest offset of the last seconds counts. It is forgotten
 * after them, because no two clocks go at quite the same pace.
 */

/** A reading counts for one to two of these, in milliseconds. Clocks that differ by 100 millionths part by 1 ms in 10 s. */
const periodMs = 5_000;

/** The offset of a store's clock from one here, both in milliseconds, as the best of the latest readings gives it. */
export class ClockEstimate {
  #periodBegan = 0;
  /** The largest of this period, and of the last one. */
  #offset: number | null = null;
  #lastOffset: number | null = null;

  /** The store's clock less the one here, in milliseconds; null before the first reading. */
  get offsetMs(): number | null {
    return this.#offset === null ? null : Math.max(this.#offset, this.#lastOffset ?? this.#offset);
  }

  /** A reading has arrived at `now`, by a clock here that nobody sets. */
  observe(storeNow: number, now: number): void {
    const offset = storeNow - now;
    const age = now - this.#periodBegan;
    if (this.#offset === null || age >= periodMs) {
      this.#lastOffset = age < 2 * periodMs ? this.#offset : null;
      this.#offset = offset;
      this.#periodBegan = now;
    } else this.#offset = Math.max(this.#offset, offset);
  }

  /** The store has refused what rests on the estimate, and says what its clock reads: earlier readings are void. */
  correct(storeNow: number, now: number): void {
    this.#offset = null;
    this.#lastOffset = null;
    this.observe(storeNow, now);
  }
}
