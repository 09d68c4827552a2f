/** Makes what has a promise: calls, sleeps, hops, branches and their combinations. */
import type { Chance } from "../kernel/chance.ts";
import { dayMs } from "./kinds.ts";
import type { Block, Call, Combinator, Operation, Sleep } from "./program.ts";
import { shortMs } from "./step-bodies.ts";

/** What a program that is being made lets its operations hold. */
export interface OperationSite {
  readonly chance: Chance;
  readonly confluent: boolean;
  readonly failures: boolean;
  readonly longSleeps: boolean;
  readonly races: boolean;
  /** Takes so many events off the budget. */
  readonly spend: (events: number) => void;
  readonly block: (depth: number) => Block;
}

const hopsMax = 16;
const longSleepsMs: readonly [number, ...number[]] = [1_000, 1_000, 5_000, 60_000, 3_600_000, 7_200_000];
const pastMs = -5;

export class OperationMaker {
  readonly #site: OperationSite;

  constructor(site: OperationSite) {
    this.#site = site;
  }

  /** A call of a step that works at the first attempt. */
  call(): Call {
    const { chance, longSleeps } = this.#site;
    return this.#callOf(longSleeps && chance.flag(0.15) ? "slow" : "work", 2);
  }

  /** A call of a step that may fail an attempt, or all of them. */
  failingCall(): Call {
    const { chance } = this.#site;
    return this.#callOf(chance.pick(["flaky", "flaky", "twice", "once", "later", "later", "fatal"]), 3);
  }

  anyCall(): Call {
    const { chance, failures } = this.#site;
    return failures && chance.flag(0.3) ? this.failingCall() : this.call();
  }

  #callOf(step: string, events: number): Call {
    const { chance, spend } = this.#site;
    spend(events);
    const hops = (): number => (chance.flag(0.3) ? chance.between(1, hopsMax) : 0);
    const style = chance.flag(0.15) ? "thenable" : "plain";
    return { kind: "call", step, k: chance.int(10), before: hops(), after: hops(), style };
  }

  sleep(): Sleep {
    const { chance, spend, longSleeps } = this.#site;
    if (longSleeps && chance.flag(0.15)) return this.longSleep();
    spend(2);
    const form = chance.pick(["number", "number", "text", "date"]);
    const ms = form === "date" && chance.flag(0.2) ? pastMs : this.#shortMs();
    return { kind: "sleep", ms, form };
  }

  longSleep(): Sleep {
    const { chance, spend } = this.#site;
    spend(2);
    const ms = chance.flag(0.04) ? dayMs : chance.pick(longSleepsMs);
    return { kind: "sleep", ms, form: chance.pick(["number", "text", "date"]) };
  }

  hops(): Operation {
    return { kind: "hops", count: this.#site.chance.between(0, hopsMax) };
  }

  branch(depth: number): Operation {
    const { chance, confluent, block } = this.#site;
    return { kind: "branch", body: block(Math.max(0, depth)), isolated: confluent || chance.flag(0.2) };
  }

  /** How long a race gives a hook. */
  raceMs(): number {
    const { chance, longSleeps } = this.#site;
    return longSleeps && chance.flag(0.3) ? chance.pick(longSleepsMs) : chance.between(0, 25);
  }

  /** Two or more operations, combined. */
  group(depth: number, wanted?: Combinator): Operation {
    const { chance, races } = this.#site;
    const combinator = wanted ?? chance.pick(races ? ["all", "allSettled", "race", "any"] : ["all", "allSettled"]);
    if (this.#site.confluent && combinator === "race") return this.#decidedRace(depth);
    if (this.#site.confluent && combinator === "any") return this.#decidedAny();
    return { kind: "group", combinator, operations: this.several(depth, 4) };
  }

  several(depth: number, most: number): readonly Operation[] {
    const count = this.#site.chance.between(2, most);
    return Array.from({ length: count }, () => this.#operation(depth));
  }

  /** A race that only one can win. */
  #decidedRace(depth: number): Operation {
    return this.#shuffled("race", [this.#operation(depth - 1), { kind: "never" }, { kind: "never" }]);
  }

  /** Only one of them is fulfilled. */
  #decidedAny(): Operation {
    const { chance, failures } = this.#site;
    const losers = failures
      ? Array.from({ length: chance.between(1, 2) }, () => this.#callOf(chance.pick(["refuse", "broken"]), 2))
      : [];
    return this.#shuffled("any", [this.call(), ...losers]);
  }

  #shuffled(combinator: Combinator, operations: Operation[]): Operation {
    for (let last = operations.length - 1; last > 0; last -= 1) {
      const other = this.#site.chance.int(last + 1);
      const [a, b] = [operations[last], operations[other]];
      if (a === undefined || b === undefined) continue;
      operations[last] = b;
      operations[other] = a;
    }
    return { kind: "group", combinator, operations };
  }

  #operation(depth: number): Operation {
    const { chance } = this.#site;
    const make = chance.weigh<() => Operation>([
      [4, () => this.anyCall()],
      [2, () => this.sleep()],
      [0.7, () => this.hops()],
      [depth > 0 ? 2 : 0, () => this.branch(depth - 1)],
      [depth > 1 ? 0.8 : 0, () => this.group(depth - 1)],
    ]);
    return make === undefined ? this.hops() : make();
  }

  #shortMs(): number {
    const { chance } = this.#site;
    return chance.flag(0.5) ? chance.pick(shortMs) : chance.int(25);
  }
}
