/**
 * One interleaving of two drivers of one run: which call of whom is let through next, whether its answer is lost, and when
 * somebody outside writes, are the choices of its path; everything else follows. What a driver does between two calls
 * touches nothing but itself, so calls are all that has to be interleaved. The store's clock moves when a timer does, and
 * not otherwise.
 */
import { type ExecutionFactory, guestAbi, tokenHash, workflowInput } from "@perdure/core/simulation";
import { dehydrate, hydrate } from "@perdure/serde";
import { type OutsideAppend, specVersion, type World } from "@perdure/world";
import { ClaimWatch } from "../checkers/claim-watch.ts";
import { LogWatch } from "../checkers/log-watch.ts";
import type { ReplayRealms } from "../checkers/replay-realms.ts";
import { judgeReplays } from "../checkers/replays.ts";
import { judgeWakeUps } from "../checkers/wake-up.ts";
import { planOf } from "../faults/plan.ts";
import { Chance } from "../kernel/chance.ts";
import { Scheduler } from "../kernel/scheduler.ts";
import { Trace } from "../kernel/trace.ts";
import { Bodies } from "../ledger/bodies.ts";
import { Promises } from "../ledger/promises.ts";
import { loadBuild } from "../process/build.ts";
import type { CompiledProgram } from "../programs/compile.ts";
import { answersOf } from "../scenarios/stage/written-program.ts";
import { SimStore } from "../store/sim-store.ts";
import type { Choices } from "./choices.ts";
import { currentDriver, Driver } from "./driver.ts";
import { payload, type SmallProgram, token } from "./small-programs.ts";

const seed = 1;
const runId = "wrun_00000000000000000000000001";
/** Calls of each of the two drivers. */
const callsMax = 6;
/** Who goes on alone afterwards has calls enough for any of the programs. */
const callsMaxAlone = 60;

/** What the paths of a program share. */
export interface Scope {
  readonly program: SmallProgram;
  readonly build: CompiledProgram;
  readonly executions: ExecutionFactory;
  readonly realms: ReplayRealms;
  /** Verdicts on logs that other paths have led to as well. */
  readonly judged: Map<string, string | null>;
}

/** What a path came to. */
export interface PathOutcome {
  readonly violations: readonly string[];
  /** Who did what, move by move. */
  readonly moves: readonly string[];
}

/** Takes one path. */
export async function takePath(scope: Scope, choices: Choices): Promise<PathOutcome> {
  const path = new Interleaving(scope, choices);
  await path.prepare();
  await path.interleave();
  await path.goOnAlone();
  path.judge();
  return path;
}

class Interleaving implements PathOutcome {
  readonly violations: string[] = [];
  readonly moves: string[] = [];
  readonly #scope: Scope;
  readonly #choices: Choices;
  readonly #scheduler = new Scheduler(Chance.of(seed, "clock"));
  readonly #store: SimStore;
  readonly #watch: LogWatch;
  readonly #claims: ClaimWatch;
  readonly #bodies: Bodies;
  readonly #promises = new Promises();
  readonly #drivers: Driver[] = [];
  #lossesLeft: number;
  #outsideLeft: boolean;

  constructor(scope: Scope, choices: Choices) {
    const { program, build } = scope;
    this.#scope = scope;
    this.#choices = choices;
    this.#lossesLeft = program.losses;
    this.#outsideLeft = program.outside !== "none";
    const scheduler = this.#scheduler;
    const { compareAndAppend = true } = program;
    const store = new SimStore(scheduler, { ...planOf(seed).setup, compareAndAppend, maxEventsPerAppend: 1_000 });
    this.#store = store;
    const report = this.#report.bind(this);
    this.#watch = new LogWatch({
      store,
      report,
      onEvent: (_runId, { position, type }) => this.#note(`${position} ${type}`),
    });
    const trace = new Trace({ keepLines: false });
    const network = { pass: () => new Set<never>() };
    this.#claims = new ClaimWatch(store, report);
    const claims = this.#claims;
    this.#bodies = new Bodies({ scheduler, store, network, claims, trace, report, answer: answersOf(program) });
    loadBuild(build, [], (name, args) => this.#bodies.run(currentDriver(), name, args));
  }

  #report(invariant: string, _runId: string | null, message: string): void {
    this.violations.push(`${invariant}: ${message}`);
  }

  #note(event: string): void {
    this.moves.push(`  ${event}`);
  }

  /** The run as a client creates it, due at once. */
  async prepare(): Promise<void> {
    const { bundle, workflowId } = this.#scope.build;
    const { bytes: input, digest } = workflowInput([], "main");
    const world = this.#store.connect();
    const created = {
      specVersion,
      guestAbi,
      bundleId: bundle.id,
      workflowId,
      workflowName: "main",
      seed: "00".repeat(32),
      isolation: "shared",
      locale: "en-US",
      timeZone: "UTC",
      node: "",
      icu: "",
      key: null,
      parentRunId: null,
      rootRunId: runId,
      trace: null,
      inputDigest: digest,
    } as const;
    await world.runs.create({ runId, created, input, eager: null });
    this.#watch.look();
  }

  /** The two drivers and whoever is outside, until nobody has a move left. */
  async interleave(): Promise<void> {
    this.#drivers.push(this.#driver("one", callsMax), this.#driver("two", callsMax));
    for (const driver of this.#drivers) await driver.begin();
    for (;;) {
      const moves = this.#drivers.flatMap((driver) => driver.moves.map((kind) => ({ driver, kind })));
      if (moves.length === 0) return;
      const isOutsideAble = this.#outsideLeft && this.#isOutsideAble();
      const move = moves[this.#choices.pick(moves.length + (isOutsideAble ? 1 : 0))];
      if (move === undefined) await this.#writeFromOutside();
      else await this.#move(move.driver, move.kind, this.#lossesLeft > 0);
    }
  }

  /** Both are gone; another one brings the run to its end, and is helped once if the run had lost too many workers. */
  async goOnAlone(): Promise<void> {
    for (const driver of this.#drivers) driver.crash();
    await this.#driveAlone("third");
    if (this.#store.run(runId)?.run.parked?.reason !== "stalled") return;
    await this.#store.connect().unpark(runId);
    await this.#driveAlone("fourth");
  }

  async #driveAlone(name: string): Promise<void> {
    const driver = this.#driver(name, callsMaxAlone);
    await driver.begin();
    for (let [kind] = driver.moves; kind !== undefined; [kind] = driver.moves) await this.#move(driver, kind, false);
  }

  #driver(name: string, calls: number): Driver {
    const { build, executions } = this.#scope;
    return new Driver({
      name,
      executions,
      scheduler: this.#scheduler,
      world: this.#watched(this.#store.connect()),
      claims: this.#claims,
      bundle: build.bundle,
      workflowId: build.workflowId,
      callsMax: calls,
      onParked: (reason, detail) => this.#report("R4", runId, `parked by ${name}: ${reason}: ${detail}`),
    });
  }

  /** The store with the checkers behind every call that it applies. */
  #watched(world: World): World {
    const claims = this.#claims;
    const looked = <T>(answer: Promise<T>): Promise<T> => {
      this.#watch.look();
      judgeWakeUps(this.#store, this.#watch, 0, (...found) => this.#report(...found));
      return answer;
    };
    return {
      ...world,
      log: {
        ...world.log,
        append: (id, request) => looked(claims.append(id, request, () => world.log.append(id, request))),
      },
      claims: {
        ...world.claims,
        claim: (request) => looked(world.claims.claim(request)),
        release: (id, request) => looked(claims.release(id, request, () => world.claims.release(id, request))),
      },
      park: (id, epoch, parked) => looked(claims.park(id, epoch, parked, () => world.park(id, epoch, parked))),
    };
  }

  async #move(driver: Driver, kind: "call" | "timer", mayLose: boolean): Promise<void> {
    if (kind === "timer") {
      this.moves.push(`${driver.name} timer`);
      this.#scheduler.jumpTo(driver.nextTimerAt);
      await driver.fireTimer();
      return;
    }
    const isLost = mayLose && this.#choices.pick(2) === 1;
    if (isLost) this.#lossesLeft -= 1;
    this.moves.push(`${driver.name} ${driver.gate.first}${isLost ? ", its answer lost" : ""}`);
    await driver.act(() => driver.gate.pass(isLost));
  }

  // Outside

  #isOutsideAble(): boolean {
    return this.#scope.program.outside === "cancel" || this.#openHook !== undefined;
  }

  get #openHook() {
    return this.#store.space.tokens.get(tokenHash(token));
  }

  async #writeFromOutside(): Promise<void> {
    this.#outsideLeft = false;
    const key = "outside";
    const request: OutsideAppend = { by: "outside", key, fact: this.#outsideFact() };
    this.moves.push(`outside ${request.fact.type}`);
    const result = await this.#watched(this.#store.connect()).log.append(runId, request);
    if (result.kind === "appended") {
      const position = result.events[0]?.position ?? 0;
      this.#promises.appends.push({ runId, key, type: request.fact.type, position });
    } else {
      this.#promises.refused.push({ runId, key, atTail: this.#store.run(runId)?.run.tail ?? 0 });
    }
  }

  #outsideFact(): OutsideAppend["fact"] {
    if (this.#scope.program.outside === "cancel") {
      return { type: "run_cancelled", correlationId: null, at: null, data: { reason: null }, payload: null };
    }
    return {
      type: "hook_received",
      correlationId: this.#openHook?.correlationId ?? null,
      at: null,
      data: { ordinal: 0 },
      payload: dehydrate(payload, "a payload"),
    };
  }

  // Verdict

  judge(): void {
    const report = this.#report.bind(this);
    this.#watch.look();
    this.#watch.judgeAtEnd();
    this.#bodies.judgeAtEnd();
    this.#promises.judge(this.#store, report);
    const { run, events = [] } = this.#store.run(runId) ?? {};
    const last = events.at(-1);
    if (run?.status === "completed" && last !== undefined) {
      const result = last.payload === null ? undefined : hydrate(last.payload);
      if (!this.#scope.program.allows(result, events)) report("S6", runId, `the result is ${JSON.stringify(result)}`);
    } else if (run?.status !== "cancelled") {
      report(
        "Q5",
        runId,
        `the run did not come to its end: ${run?.status}, ${last?.type}, parked ${run?.parked?.reason}`,
      );
    }
    const difference = this.#replays();
    if (difference !== null) report("R1", runId, difference);
  }

  /** Each log is read in every way once, however many paths lead to it. */
  #replays(): string | null {
    const { judged, build, realms } = this.#scope;
    const { events = [] } = this.#store.run(runId) ?? {};
    const text = JSON.stringify(
      events.map(({ payload: bytes, ...rest }) => [rest, bytes && Buffer.from(bytes).toString("latin1")]),
    );
    const known = judged.get(text);
    if (known !== undefined) return known;
    const recorded = { runId, log: events, bundle: build.bundle, realms };
    const { difference } = judgeReplays(recorded, Chance.of(seed, "replays"), true);
    const verdict = difference === null ? null : `${difference.invariant}: ${difference.message}`;
    judged.set(text, verdict);
    return verdict;
  }
}
