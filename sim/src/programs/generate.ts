/** Makes programs from seeds. Pure: the same seed and features make the same tree. */
import { Chance } from "../kernel/chance.ts";
import { countKind, programOf } from "./kinds.ts";
import { OperationMaker } from "./make-operation.ts";
import type { Block, HookUse, KeptType, Operation, Program, Statement } from "./program.ts";

/**
 * What programs shall hold: true asks for it, false forbids it, and what is not said is left to chance. What a confluent
 * program cannot hold, such as a race of two steps, is not in it even when it is asked for.
 */
export interface ProgramFeatures {
  readonly confluent?: boolean;
  readonly hooks?: boolean;
  /** Hooks of the run that ask for the same token at the same time. */
  readonly sharedTokens?: boolean;
  /** Sleeps of a second to a day. */
  readonly longSleeps?: boolean;
  readonly floating?: boolean;
  readonly failures?: boolean;
  readonly races?: boolean;
  /** Waits for payloads and for time, in several places at once, and calls no step. Default: false, never left to chance. */
  readonly listening?: boolean;
  /** About how many events the log of a run may come to; default: 12 to 45, for one program in sixteen up to 180. */
  readonly size?: number;
}

/** A random program. */
export function generateProgram(seed: number, features: ProgramFeatures = {}): Program {
  const chance = new Chance(seed);
  const confluent = features.confluent ?? chance.flag(0.4);
  const usual = chance.flag(0.06) ? chance.between(50, 180) : chance.between(12, 45);
  const floating = features.floating ?? (features.listening !== true && chance.flag(0.7));
  const wanted = { ...features, confluent, floating };
  const root = new StatementMaker(chance, wanted, features.size ?? usual).root();
  return programOf({ seed, root, confluent });
}

type Wanted = ProgramFeatures & { readonly confluent: boolean; readonly floating: boolean };
type Maker = () => Statement;

const depthMax = 3;
const hookUses: readonly [HookUse, ...HookUse[]] = [
  "race",
  "carry",
  "iterate",
  "using",
  "await",
  "recreate",
  "probe",
  "closing",
];
const keptTypes: readonly [KeptType, ...KeptType[]] = ["map", "set", "date", "bigint", "error", "bytes"];
/** Enough for the token that is taken again to be found among others. */
const tokensMax = 12;

class StatementMaker {
  readonly #chance: Chance;
  readonly #wanted: Wanted;
  readonly #make: OperationMaker;
  /** Events that may still be written. */
  #budget: number;
  /** How often what is made now runs. */
  #times = 1;
  #tokens = 0;

  constructor(chance: Chance, wanted: Wanted, size: number) {
    this.#chance = chance;
    this.#wanted = wanted;
    this.#budget = size;
    this.#make = new OperationMaker({
      chance,
      confluent: wanted.confluent,
      failures: wanted.failures !== false,
      longSleeps: wanted.longSleeps !== false,
      races: wanted.races !== false,
      spend: (events) => this.#spend(events),
      block: (depth) => this.#block(depth),
    });
  }

  root(): Block {
    const statements: Statement[] = [];
    while (this.#budget > 0 || statements.length < 2) statements.push(this.#statement(depthMax));
    for (const [kind, make] of this.#demands()) {
      if (countKind(statements, kind) > 0) continue;
      statements.splice(this.#chance.int(statements.length + 1), 0, make());
    }
    if (this.#chance.flag(0.08)) statements.push({ kind: "end", how: "throw" });
    else if (this.#chance.flag(0.2)) statements.push({ kind: "end", how: "map" });
    return statements;
  }

  /** What was asked for, and how to make it where chance has not. */
  #demands(): readonly (readonly [kind: string, make: Maker])[] {
    const { hooks, sharedTokens, longSleeps, floating, failures, races } = this.#wanted;
    const demands: (readonly [boolean | undefined, string, Maker])[] = [
      [hooks, "hook", () => this.#hook(1)],
      [sharedTokens, "hookTwice", () => this.#hookOf("twice", 1)],
      [longSleeps, "sleepLong", () => ({ kind: "await", operation: this.#make.longSleep() })],
      [floating, "floating", () => this.#floatingCall()],
      [failures, "failing", () => this.#failing()],
      [races, "race", () => this.#caught({ kind: "await", operation: this.#make.group(1, "race") })],
    ];
    return demands.flatMap(([isWanted, kind, make]) => (isWanted === true ? [[kind, make] as const] : []));
  }

  #spend(events: number): void {
    this.#budget -= events * this.#times;
  }

  /** Makes what runs so many times. */
  #repeated<T>(times: number, make: () => T): T {
    const before = this.#times;
    this.#times *= Math.max(1, times);
    const made = make();
    this.#times = before;
    return made;
  }

  #block(depth: number, least = 1): Block {
    const count = this.#chance.between(least, 3);
    const statements: Statement[] = [];
    for (let made = 0; made < count && (this.#budget > 0 || made < least); made += 1) {
      statements.push(this.#statement(depth));
    }
    return statements;
  }

  #statement(depth: number): Statement {
    const nests = depth > 0 && this.#budget > 0;
    const listens = this.#wanted.listening === true;
    const flat = listens ? this.#pauses() : this.#flat();
    const nested = listens ? this.#listeners(depth) : this.#nested(depth);
    const make = this.#chance.weigh(nests ? [...flat, ...nested] : flat);
    return make === undefined ? { kind: "log", level: "info" } : make();
  }

  #flat(): readonly (readonly [number, Maker])[] {
    const { failures, floating } = this.#wanted;
    return [
      [4, () => ({ kind: "await", operation: this.#make.call() })],
      [2, () => ({ kind: "await", operation: this.#make.sleep() })],
      [1, () => ({ kind: "await", operation: this.#make.hops() })],
      [1, () => this.#mutate()],
      [0.8, () => this.#rich()],
      [0.6, () => ({ kind: "keep", type: this.#chance.pick(keptTypes) })],
      [0.5, () => ({ kind: "log", level: this.#chance.pick(["debug", "info", "warn", "error"]) })],
      [failures === false ? 0 : 1.5, () => this.#failing()],
      [floating ? 1.3 : 0, () => this.#floatingCall()],
    ];
  }

  #nested(depth: number): readonly (readonly [number, Maker])[] {
    const { hooks, floating } = this.#wanted;
    return [
      [2.5, () => this.#caught({ kind: "await", operation: this.#make.group(depth) })],
      [floating ? 1 : 0, () => ({ kind: "float", operation: this.#make.branch(depth - 1) })],
      [1, () => this.#loop(depth)],
      [1.3, () => this.#if(depth)],
      [1.3, () => this.#late(depth)],
      [0.8, () => this.#generator()],
      [0.6, () => this.#fromAsync()],
      [hooks === false ? 0 : 1.6, () => this.#hook(depth)],
      [1, () => this.#try(depth)],
      [0.6, () => this.#recurse(depth)],
    ];
  }

  #pauses(): readonly (readonly [number, Maker])[] {
    return [
      [2, () => ({ kind: "await", operation: this.#make.longSleep() })],
      [1, () => ({ kind: "await", operation: this.#make.sleep() })],
      [0.5, () => ({ kind: "log", level: "info" })],
    ];
  }

  #listeners(depth: number): readonly (readonly [number, Maker])[] {
    return [
      [4, () => this.#hookOf(this.#chance.pick(["iterate", "carry", "race"]), depth)],
      [2, () => this.#late(depth)],
    ];
  }

  #mutate(): Statement {
    this.#spend(6);
    return { kind: "mutate", step: "echo" };
  }

  #rich(): Statement {
    this.#spend(2);
    return { kind: "rich", step: "rich", k: this.#chance.int(12) };
  }

  #floatingCall(): Statement {
    return {
      kind: "float",
      operation: this.#chance.flag(0.8) ? this.#make.anyCall() : this.#make.sleep(),
    };
  }

  /** A failing step, mostly caught. */
  #failing(): Statement {
    const statement: Statement = { kind: "await", operation: this.#make.failingCall() };
    return this.#chance.flag(0.95) ? this.#caught(statement) : statement;
  }

  #caught(statement: Statement): Statement {
    return { kind: "try", throws: 0, body: [statement], handler: [], cleanup: [] };
  }

  #loop(depth: number): Statement {
    const count = this.#chance.between(1, 3);
    return { kind: "loop", count, body: this.#repeated(count, () => this.#block(depth - 1)) };
  }

  #if(depth: number): Statement {
    const by = this.#wanted.confluent ? "value" : this.#chance.pick(["value", "clock", "chance"]);
    const modulus = this.#chance.between(2, 4);
    return { kind: "if", by, modulus, body: this.#block(depth - 1), otherwise: this.#block(depth - 1, 0) };
  }

  #late(depth: number): Statement {
    const branches = this.#wanted.listening === true || this.#chance.flag(0.25);
    const operation: Operation = branches ? this.#make.branch(depth - 1) : this.#make.anyCall();
    const late: Statement = { kind: "late", operation, body: this.#block(depth - 1) };
    return this.#chance.flag(0.8) ? this.#caught(late) : late;
  }

  #generator(): Statement {
    const operations = this.#make.several(0, 3);
    return this.#caught({ kind: "generator", hops: this.#chance.int(4), operations });
  }

  #fromAsync(): Statement {
    const from = this.#chance.pick(["generator", "list"]);
    return this.#caught({ kind: "fromAsync", from, operations: this.#make.several(0, 3) });
  }

  #try(depth: number): Statement {
    return {
      kind: "try",
      throws: this.#chance.pick([0, 0, 2, 3, 4]),
      body: this.#block(depth - 1),
      handler: this.#block(depth - 1, 0),
      cleanup: this.#chance.flag(0.5) ? this.#block(depth - 1) : [],
    };
  }

  #recurse(depth: number): Statement {
    const levels = this.#chance.between(1, 3);
    return this.#repeated(levels, () => ({
      kind: "recurse",
      depth: levels,
      body: this.#block(depth - 1),
      after: this.#block(0, 0),
    }));
  }

  #hook(depth: number): Statement {
    const { sharedTokens } = this.#wanted;
    const use = sharedTokens !== false && this.#chance.flag(0.25) ? this.#chance.pick(["twice", "open"]) : null;
    return this.#hookOf(use ?? this.#chance.pick(hookUses), depth);
  }

  #hookOf(use: HookUse, depth: number): Statement {
    const rounds = this.#chance.between(1, 3);
    this.#spend(2 + rounds * 2);
    const reacts = !this.#wanted.confluent && (this.#wanted.listening === true || this.#chance.flag(0.6));
    return {
      kind: "hook",
      use,
      token: this.#token(),
      rounds,
      ms: this.#make.raceMs(),
      body: reacts ? this.#repeated(rounds, () => this.#block(Math.min(depth - 1, 1))) : [],
    };
  }

  /** A token of its own, or one that another hook of the program has too. */
  #token(): number {
    const isTaken = this.#wanted.sharedTokens !== false && this.#tokens > 0 && this.#chance.flag(0.3);
    if (isTaken || this.#tokens === tokensMax) return this.#chance.int(this.#tokens);
    this.#tokens += 1;
    return this.#tokens - 1;
  }
}
