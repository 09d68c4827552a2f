/**
 * A stage for scripted scenarios: the simulator's store, clock, worker processes and checkers, without its chance. The
 * script says who lives, what is lost and when; everything is judged as in a random schedule.
 */
import { deepStrictEqual, fail } from "node:assert/strict";
import {
  ExecutionFactory,
  guestAbi,
  type HeldBundle,
  mintRunId,
  packBundle,
  tokenHash,
  unguarded,
  workerSettings,
  workflowInput,
} from "@perdure/core/simulation";
import { dehydrate, hydrate } from "@perdure/serde";
import { type AppendResult, type LogEvent, type OutsideAppend, type RunRecord, specVersion } from "@perdure/world";
import { ClaimWatch } from "../../checkers/claim-watch.ts";
import { LogWatch } from "../../checkers/log-watch.ts";
import { ReplayRealms } from "../../checkers/replay-realms.ts";
import { judgeReplays } from "../../checkers/replays.ts";
import { judgeWakeUps } from "../../checkers/wake-up.ts";
import { faults } from "../../faults/catalogue.ts";
import { planOf, type WorkerSetup } from "../../faults/plan.ts";
import { Striker } from "../../faults/striker.ts";
import { Chance } from "../../kernel/chance.ts";
import { Scheduler } from "../../kernel/scheduler.ts";
import { Trace } from "../../kernel/trace.ts";
import { Bodies } from "../../ledger/bodies.ts";
import { Promises } from "../../ledger/promises.ts";
import { SimProcess } from "../../process/sim-process.ts";
import type { CompiledProgram } from "../../programs/compile.ts";
import { SimStore } from "../../store/sim-store.ts";
import { Client } from "../../traffic/client.ts";
import { type Cue, ScriptedNetwork } from "./scripted-network.ts";
import { answersOf, buildOf, type WrittenProgram } from "./written-program.ts";

const seed = 1;
/** A script that waits for longer than this waits for what will never be. */
const patienceMs = 2 * 60_000;

/** The worker's own defaults. */
const { claimBatch: _claimBatch, heartbeatMs: _heartbeatMs, turnLimitMs: _turnLimitMs, ...defaults } = workerSettings();
const usualSetup: WorkerSetup = { ...defaults, compareAndAppend: true, maxEventsPerAppend: 100_000 };

export class Stage {
  readonly trace = new Trace({ keepLines: true });
  readonly scheduler = new Scheduler(Chance.of(seed, "schedule"));
  readonly store: SimStore;
  readonly network: ScriptedNetwork;
  readonly bodies: Bodies;
  readonly watch: LogWatch;
  readonly promises = new Promises();
  readonly violations: string[] = [];
  /** What workers reported. */
  readonly errors: unknown[] = [];
  /** Console lines of workflow code, each printed once. */
  readonly lines: string[] = [];
  readonly #setup: WorkerSetup;
  readonly #build: CompiledProgram;
  readonly #bundles = new Map<string, HeldBundle>();
  readonly #realms = new ReplayRealms();
  readonly #executions = new ExecutionFactory({ guard: unguarded, turnLimitMs: 60_000, onStrayRejection: () => {} });
  readonly #chance = Chance.of(seed, "stage");
  #clients = 0;

  constructor(program: WrittenProgram, setup: Partial<WorkerSetup> = {}) {
    this.#setup = { ...usualSetup, ...setup };
    this.#build = this.build(program);
    const { scheduler, trace } = this;
    this.store = new SimStore(scheduler, this.#setup);
    const { store } = this;
    const report = (invariant: string, _runId: string | null, message: string): void => {
      this.violations.push(`${invariant}: ${message}`);
    };
    this.watch = new LogWatch({
      store,
      report,
      onEvent: (_runId, { type, position, epoch }) =>
        trace.add(scheduler.now, "log", `${position} ${type} by ${epoch}`),
    });
    const claims = new ClaimWatch(store, report);
    this.network = new ScriptedNetwork({
      claims,
      scheduler,
      striker: new Striker(planOf(seed, { without: faults, targets: false })),
      chance: Chance.of(seed, "network"),
      trace,
      store,
      environment: { strike: () => {} },
      onApplied: () => {
        this.watch.look();
        judgeWakeUps(store, this.watch, this.#setup.sweepMs, report);
      },
      hints: true,
    });
    const { network } = this;
    this.bodies = new Bodies({ scheduler, store, network, claims, trace, report, answer: answersOf(program) });
  }

  /** A build of the application, whose runs are judged with its bundle. */
  build(program: WrittenProgram): CompiledProgram {
    const build = buildOf(program);
    this.#bundles.set(build.bundle.id, build.bundle);
    return build;
  }

  // Who is there

  /** A worker process of this name, up and claiming. */
  async process(name: string, build = this.#build): Promise<SimProcess> {
    const { scheduler, network, bodies } = this;
    const process = new SimProcess({
      name,
      seed,
      scheduler,
      network,
      setup: this.#setup,
      build,
      background: [],
      executions: this.#executions,
      skewMs: 0,
      runBody: (owner, step, args) => bodies.run(owner, step, args),
      onLine: (_owner, _runId, text) => this.lines.push(text),
      onError: (_owner, error) => this.errors.push(error),
      onGone: () => {},
    });
    await this.until(`${name} is up`, () => process.engine !== null);
    return process;
  }

  client(): Client {
    this.#clients += 1;
    return new Client(`client-${this.#clients}`, this.network, () => this.scheduler.now);
  }

  when(cue: Cue): void {
    this.network.when(cue);
  }

  // Time

  async runFor(ms: number): Promise<void> {
    await this.scheduler.runUntil(() => false, this.scheduler.now + ms);
  }

  async until(what: string, condition: () => boolean, msMax = patienceMs): Promise<void> {
    const held = await this.scheduler.runUntil(condition, this.scheduler.now + msMax);
    if (!held) this.#fail(`${what}: it did not come to that in ${msMax} ms`);
  }

  /** What a call of a participant comes to. */
  async answerTo<T>(what: string, call: () => Promise<T>): Promise<T> {
    let isSettled = false;
    const answer = call();
    const settle = (): void => {
      isSettled = true;
    };
    answer.then(settle, settle);
    await this.until(what, () => isSettled);
    return await answer;
  }

  // Runs

  /** A run that this worker starts, with its first turn. */
  async start(process: SimProcess, args: readonly unknown[] = []): Promise<string> {
    const begin = async (): Promise<string> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.scheduler.after(0, process, resolve);
      await promise;
      const { id } = await process.bundle();
      return (
        (await process.engine?.start(mintRunId(process.env), await process.bundle(), this.#request(id, args))) ?? ""
      );
    };
    return await this.answerTo("a start", begin);
  }

  /** A run that a client creates, and that waits for a worker. */
  async create(args: readonly unknown[] = []): Promise<string> {
    const { bundle } = this.#build;
    const { world } = this.client();
    const runId = mintRunId({ now: () => this.scheduler.now, randomBytes: (size) => this.#chance.bytes(size) });
    await this.answerTo("storing a bundle", () => world.bundles.put(bundle.id, packBundle(bundle).bytes));
    const request = { runId, ...this.#request(bundle.id, args), eager: null };
    await this.answerTo("a creation", () => world.runs.create(request));
    return runId;
  }

  #request(bundleId: string, args: readonly unknown[]) {
    const { bytes: input, digest } = workflowInput(args, "main");
    const created = {
      specVersion,
      guestAbi,
      bundleId,
      workflowId: this.#build.workflowId,
      workflowName: "main",
      seed: Buffer.from(this.#chance.bytes(32)).toString("hex"),
      isolation: "shared",
      locale: "en-US",
      timeZone: "UTC",
      node: "",
      icu: "",
      key: null,
      parentRunId: null,
      rootRunId: "",
      trace: null,
      inputDigest: digest,
    } as const;
    return { created, input, namespace: "default" };
  }

  /** Send a payload to the hook that holds the token, as a client does. Null: no hook holds it. */
  async send(token: string, payload: unknown, key: string, client = this.client()): Promise<AppendResult | null> {
    const open = await client.world.hooks.find(tokenHash(token));
    if (open === null) return null;
    const { runId, correlationId } = open;
    const fact = {
      type: "hook_received" as const,
      correlationId,
      at: null,
      data: { ordinal: 0 },
      payload: dehydrate(payload, "a payload"),
    };
    return await this.outside(runId, { by: "outside", key, fact }, client);
  }

  async cancel(runId: string, key = "cancel"): Promise<AppendResult> {
    const fact = {
      type: "run_cancelled" as const,
      correlationId: null,
      at: null,
      data: { reason: null },
      payload: null,
    };
    return await this.outside(runId, { by: "outside", key, fact }, this.client());
  }

  async outside(runId: string, request: OutsideAppend, client: Client): Promise<AppendResult> {
    const result = await client.world.log.append(runId, request);
    const { key, fact } = request;
    if (result.kind === "appended") {
      const position = result.events[0]?.position ?? 0;
      this.promises.appends.push({ runId, key, type: fact.type, position });
    } else if (result.kind === "refused") {
      this.promises.refused.push({ runId, key, atTail: this.record(runId).tail });
    }
    return result;
  }

  // What came of it

  record(runId: string): RunRecord {
    return this.store.run(runId)?.run ?? fail(`no run ${runId}`);
  }

  log(runId: string): readonly LogEvent[] {
    return this.store.run(runId)?.events ?? [];
  }

  /** Types of the log, in order. */
  types(runId: string): readonly string[] {
    return this.log(runId).map(({ type }) => type);
  }

  hasEvent(runId: string, type: string, count = 1): boolean {
    return this.types(runId).filter((found) => found === type).length >= count;
  }

  /** What the first call of a step was given, as the log has it. */
  argumentsOf(runId: string, name: string): readonly unknown[] {
    const call = this.log(runId).find((event) => event.type === "step_created" && event.data.name === name);
    return call?.payload == null ? [] : (hydrate(call.payload) as readonly unknown[]);
  }

  /** Let time pass until the run has ended or is parked. */
  async settled(runId: string, msMax = patienceMs): Promise<void> {
    const isSettled = ({ endedAt, parked }: RunRecord): boolean => endedAt !== null || parked !== null;
    await this.until("the end of the run", () => isSettled(this.record(runId)), msMax);
  }

  /** What the run returned; it has to complete in this time. */
  async result(runId: string, msMax = patienceMs): Promise<unknown> {
    await this.settled(runId, msMax);
    const last = this.log(runId).at(-1);
    if (last?.type !== "run_completed") {
      const { status, parked } = this.record(runId);
      this.#fail(`the run did not complete: ${status}, ${last?.type}, ${parked?.reason}: ${parked?.detail}`);
    }
    return last.payload === null ? undefined : hydrate(last.payload);
  }

  /** No checker has found anything, and every log replays to itself. */
  judge(): void {
    this.watch.look();
    this.watch.judgeAtEnd();
    this.bodies.judgeAtEnd();
    this.promises.judge(this.store, (invariant, _runId, message) => this.violations.push(`${invariant}: ${message}`));
    for (const [runId, { run, events }] of this.store.space.runs) {
      const bundle = this.#bundles.get(run.bundleId);
      if (bundle === undefined) continue;
      const { difference } = judgeReplays({ runId, log: events, bundle, realms: this.#realms }, this.#chance, true);
      if (difference !== null) this.violations.push(`${difference.invariant}: ${difference.message}`);
    }
    if (this.violations.length > 0) this.#fail(this.violations.join("\n"));
  }

  equal(found: unknown, expected: unknown, what: string): void {
    try {
      deepStrictEqual(found, expected, what);
    } catch {
      this.#fail(`${what}: found ${text(found)}, expected ${text(expected)}`);
    }
  }

  /** Nobody's code runs any more. */
  close(): void {
    this.scheduler.finish();
  }

  #fail(message: string): never {
    const lines = this.trace.lines.map(({ at, who, what }) => `${at} ${who} ${what}`);
    throw new Error([message, ...this.violations, ...lines.slice(-80)].join("\n"));
  }
}

const text = (value: unknown): string => JSON.stringify(value) ?? String(value);
