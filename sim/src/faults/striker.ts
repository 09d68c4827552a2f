/** Decides at each probe which faults strike there, and counts what was passed and what struck. */
import { Chance } from "../kernel/chance.ts";
import { type Fault, faults, impossible, type Probe, probes } from "./catalogue.ts";
import { Coverage } from "./coverage.ts";
import type { Plan, Target } from "./plan.ts";

/** The faults that can strike at a probe, in the order of the catalogue. */
const possibleAt: ReadonlyMap<Probe, readonly Fault[]> = new Map(
  probes.map((probe) => [probe, faults.filter((fault) => impossible(probe, fault) === null)]),
);

export class Striker {
  readonly coverage = new Coverage();
  /** Faults strike only while this is true: the safety phase. */
  isActive = true;
  readonly #rates: Plan["rates"];
  readonly #targets: Set<Target>;
  /** A stream for each fault, so that turning one off leaves the others as they were. */
  readonly #chances: ReadonlyMap<Fault, Chance>;

  constructor(plan: Plan) {
    this.#rates = plan.rates;
    this.#targets = new Set(plan.targets);
    this.#chances = new Map(faults.map((fault) => [fault, Chance.of(plan.seed, `strike ${fault}`)]));
  }

  /** The faults that strike now. Whoever asks carries them out, and says so with `struck`. */
  pass(probe: Probe): readonly Fault[] {
    const count = this.coverage.hit(probe);
    if (!this.isActive) return none;
    const found: Fault[] = [];
    for (const fault of possibleAt.get(probe) ?? []) {
      const rate = this.#rates[fault];
      if (rate > 0 && this.#chances.get(fault)?.flag(rate) === true) found.push(fault);
    }
    for (const target of this.#targets) {
      if (target.probe !== probe || count < target.nth) continue;
      this.#targets.delete(target);
      if (!found.includes(target.fault)) found.push(target.fault);
    }
    return found;
  }

  struck(probe: Probe, fault: Fault): void {
    this.coverage.struck(probe, fault);
  }
}

const none: readonly Fault[] = [];
