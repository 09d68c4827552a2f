/** How often each probe was passed, and which fault struck there. */
import { type Fault, type Probe, possiblePairs, probes } from "./catalogue.ts";

/** Counts that can be added up over schedules and processes. */
export interface CoverageCounts {
  readonly hits: Readonly<Record<string, number>>;
  /** By `probe|fault`. */
  readonly strikes: Readonly<Record<string, number>>;
}

export class Coverage {
  readonly #hits = new Map<string, number>();
  readonly #strikes = new Map<string, number>();

  hit(probe: Probe): number {
    const count = (this.#hits.get(probe) ?? 0) + 1;
    this.#hits.set(probe, count);
    return count;
  }

  struck(probe: Probe, fault: Fault): void {
    const pair = `${probe}|${fault}`;
    this.#strikes.set(pair, (this.#strikes.get(pair) ?? 0) + 1);
  }

  /** Faults that struck, of every kind. */
  get strikeCount(): number {
    let sum = 0;
    for (const count of this.#strikes.values()) sum += count;
    return sum;
  }

  add({ hits, strikes }: CoverageCounts): void {
    for (const [probe, count] of Object.entries(hits)) this.#hits.set(probe, (this.#hits.get(probe) ?? 0) + count);
    for (const [pair, count] of Object.entries(strikes)) {
      this.#strikes.set(pair, (this.#strikes.get(pair) ?? 0) + count);
    }
  }

  counts(): CoverageCounts {
    return { hits: Object.fromEntries(this.#hits), strikes: Object.fromEntries(this.#strikes) };
  }

  /** Strikes by fault, the most frequent first. */
  byFault(): readonly (readonly [string, number])[] {
    const sums = new Map<string, number>();
    for (const [pair, count] of this.#strikes) {
      const fault = pair.slice(pair.indexOf("|") + 1);
      sums.set(fault, (sums.get(fault) ?? 0) + count);
    }
    return [...sums].sort((a, b) => b[1] - a[1]);
  }

  /** Probes that were passed less often than this. */
  probesBelow(min: number): readonly (readonly [string, number])[] {
    return probes.map((probe) => [probe, this.#hits.get(probe) ?? 0] as const).filter(([, count]) => count < min);
  }

  /** Possible pairs that were struck less often than this. */
  pairsBelow(min: number): readonly (readonly [string, number])[] {
    return possiblePairs
      .map(([probe, fault]) => [`${probe}|${fault}`, this.#strikes.get(`${probe}|${fault}`) ?? 0] as const)
      .filter(([, count]) => count < min);
  }
}
