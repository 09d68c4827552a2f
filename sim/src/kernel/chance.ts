/**
 * Seeded randomness. Each part of a schedule draws from a stream of its own, so that turning one fault off, or cutting a
 * program down, leaves what the other parts draw as it was.
 */

/** One stream of random draws. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = scrambled(seed >>> 0);
  }

  /** A stream of its own, named, from a seed. */
  static of(seed: number, name: string): Chance {
    let hash = seed >>> 0;
    for (const char of name) hash = scrambled((hash ^ (char.codePointAt(0) ?? 0)) >>> 0);
    return new Chance(hash);
  }

  /** A number in [0, 1). Mulberry32 (Tommy Ettinger, public domain). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    return mix(this.#state) / 2 ** 32;
  }

  /** A whole number from 0 to `below - 1`. */
  int(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.int(max - min + 1);
  }

  /** True with this probability. */
  flag(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of the items, of which there is at least one. */
  pick<const T>(items: readonly [T, ...T[]]): T {
    return items[this.int(items.length)] ?? items[0];
  }

  /** One of the items, each as likely as its weight says; undefined when there are none. */
  weigh<T>(items: readonly (readonly [weight: number, item: T])[]): T | undefined {
    let left = this.next() * items.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, item] of items) {
      left -= weight;
      if (left < 0) return item;
    }
    return items.at(-1)?.[1];
  }

  /** One of the items, or undefined when there are none. */
  oneOf<T>(items: readonly T[]): T | undefined {
    return items[this.int(items.length)];
  }

  bytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => this.int(256));
  }

  /** Mostly small, now and then very large: milliseconds from 0 to `max`, half of them below a fiftieth of it. */
  heavyTail(max: number): number {
    return Math.floor(max * this.next() ** 6);
  }
}

/** Different for different numbers, so that names which differ in one letter have different streams (the last step of MurmurHash3). */
function scrambled(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), value | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return (mixed ^ (mixed >>> 14)) >>> 0;
}
