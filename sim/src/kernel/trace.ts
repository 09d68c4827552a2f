/** What happened in a schedule, line by line: a rolling hash always, and the lines themselves when they are wanted. */

export interface TraceLine {
  readonly at: number;
  readonly who: string;
  readonly what: string;
}

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), twice with different bases: 64 bits in all. */
const prime = 0x01000193;

export class Trace {
  readonly lines: TraceLine[] = [];
  readonly #keeps: boolean;
  #low = 0x811c9dc5;
  #high = 0x050c5d1f;
  #count = 0;

  constructor(options: { readonly keepLines: boolean }) {
    this.#keeps = options.keepLines;
  }

  /** Lines so far. */
  get count(): number {
    return this.#count;
  }

  add(at: number, who: string, what: string): void {
    this.#count += 1;
    this.#absorb(`${at} ${who} ${what}`);
    if (this.#keeps) this.lines.push({ at, who, what });
  }

  /** Two schedules with the same hash took the same steps. */
  get hash(): string {
    return (this.#high >>> 0).toString(16).padStart(8, "0") + (this.#low >>> 0).toString(16).padStart(8, "0");
  }

  #absorb(text: string): void {
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      this.#low = Math.imul(this.#low ^ code, prime);
      this.#high = Math.imul(this.#high ^ code ^ index, prime);
    }
  }
}
