/** Chance from a seed: the same seed and index give the same execution on every machine. */

/** One stream of random numbers (sfc32). */
export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #count = 1;

  constructor(seed: number, index: number) {
    this.#a = seed | 0;
    this.#b = index | 0;
    this.#c = Math.floor(index / 2 ** 32) | 0;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** 32 random bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number from 0, smaller than `limit`. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  /** One of the list. */
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** A list of up to `max` made parts, short ones more often. */
  list<T>(max: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.below(this.below(max) + 2) }, (_, index) => make(index));
  }

  /** A whole number from `low` to `high`, every order of magnitude as often. */
  magnitude(low: number, high: number): number {
    return Math.floor(low * (high / low) ** (this.next() / 2 ** 32));
  }
}
