/**
 * One simulated installation: a store, worker processes that come and go, outsiders, and the faults that a plan lets strike.
 * It owns who lives and what strikes do to them; `run-schedule.ts` owns the course of a schedule.
 */
import type { ExecutionFactory } from "@perdure/core/simulation";
import { RunParkedError, StoreError } from "@perdure/errors";
import type { RunRecord } from "@perdure/world";
import { ClaimWatch } from "../checkers/claim-watch.ts";
import { JobWatch } from "../checkers/job-watch.ts";
import { LogWatch } from "../checkers/log-watch.ts";
import { judgeWakeUps } from "../checkers/wake-up.ts";
import type { Fault, Probe } from "../faults/catalogue.ts";
import type { Plan } from "../faults/plan.ts";
import { Striker } from "../faults/striker.ts";
import { Chance } from "../kernel/chance.ts";
import { epoch, Scheduler } from "../kernel/scheduler.ts";
import { Trace } from "../kernel/trace.ts";
import { Bodies } from "../ledger/bodies.ts";
import { Promises } from "../ledger/promises.ts";
import type { Violation } from "../ledger/violation.ts";
import type { Participant } from "../process/participant.ts";
import { SimProcess } from "../process/sim-process.ts";
import type { CompiledProgram } from "../programs/compile.ts";
import { type Environment, Network } from "../store/network.ts";
import { SimStore } from "../store/sim-store.ts";
import { Outsiders } from "../traffic/outsiders.ts";

const dayMs = 86_400_000;
/** After the faults have stopped, the last of what they delayed has arrived after this long. */
const healingMs = 25_000;
/** A worker that holds a run by a call that came twice finds out within this time. */
const ghostsMs = 35_000;
/** After a night every process is up again after this long. */
const morningMs = 3_000;
/** With a worker that lives, a timer is late by a sweep and this much at the most. */
const latenessMsMax = 1_000;
/** A process that is gone is followed by another after at most this long. */
const restartMsMax = 3_000;
const outageMsMax = 5_000;
const storeJumpMs = 60_000;
/** A schedule that is red already is not followed for ever. */
const violationsMax = 20;

/** Reasons for parking that the faults of a plan can lead to. All others are findings. */
const expectedParking: ReadonlySet<string> = new Set(["stalled", "needs_step", "shape_changed"]);
/** Those that another deploy can undo. */
const deployParking: ReadonlySet<string> = new Set(["needs_step", "shape_changed"]);

export interface SimulationParts {
  readonly plan: Plan;
  /** The builds of the application: the first, and the one that a deploy brings. */
  readonly builds: readonly [CompiledProgram, ...CompiledProgram[]];
  readonly executions: ExecutionFactory;
  readonly keepTrace: boolean;
  readonly onViolation: (violation: Violation) => void;
}

export class Simulation implements Environment {
  readonly scheduler: Scheduler;
  readonly store: SimStore;
  readonly striker: Striker;
  readonly network: Network;
  readonly trace: Trace;
  readonly bodies: Bodies;
  readonly promises = new Promises();
  readonly watch: LogWatch;
  readonly outsiders: Outsiders;
  readonly violations: Violation[] = [];
  readonly processes = new Set<SimProcess>();
  /** What workers have printed, by run. */
  readonly printed = new Map<string, string[]>();
  /** Faults strike and processes are replaced at leisure; afterwards everything is healed. */
  #isHealed = false;
  /** From this moment on nothing is on its way any more that a fault has delayed. */
  #quietFrom = Number.POSITIVE_INFINITY;
  #spawned = 0;
  #build = 0;
  /** By how much the store's clock was set back: so much longer last the leases of the dead, and what was due before. */
  #setBackMs = 0;
  readonly #plan: Plan;
  readonly #builds: SimulationParts["builds"];
  readonly #executions: ExecutionFactory;
  readonly #chance: Chance;
  readonly #onViolation: (violation: Violation) => void;

  constructor({ plan, builds, executions, keepTrace, onViolation }: SimulationParts) {
    const { seed, setup } = plan;
    this.#onViolation = onViolation;
    this.#plan = plan;
    this.#builds = builds;
    this.#executions = executions;
    this.#chance = Chance.of(seed, "environment");
    this.trace = new Trace({ keepLines: keepTrace });
    this.scheduler = new Scheduler(Chance.of(seed, "schedule"));
    this.store = new SimStore(this.scheduler, setup);
    this.striker = new Striker(plan);
    const { scheduler, store, striker, trace } = this;
    const report = this.report.bind(this);
    const jobs = new JobWatch(store, report);
    this.watch = new LogWatch({
      store,
      report,
      onEvent: (runId, event, dueAt) => {
        const { type, position, correlationId } = event;
        trace.add(scheduler.now, runId, `${position} ${type} ${correlationId ?? ""} by epoch ${event.epoch}`);
        jobs.event(runId, event);
        if (dueAt !== null) this.#judgeLateness(runId, position, dueAt);
      },
    });
    const claims = new ClaimWatch(store, report);
    this.network = new Network({
      claims,
      scheduler,
      striker,
      chance: Chance.of(seed, "network"),
      trace,
      store,
      environment: this,
      onApplied: () => {
        this.watch.look();
        jobs.look();
        judgeWakeUps(store, this.watch, setup.sweepMs + this.#setBackMs, report);
      },
      hints: plan.hints,
    });
    const { network, promises } = this;
    this.bodies = new Bodies({ scheduler, store, network, claims, trace, report, slowness: plan.slowness });
    this.outsiders = new Outsiders({
      plan,
      chance: Chance.of(seed, "outsiders"),
      scheduler,
      network,
      store,
      promises,
      workers: () => [...this.processes].filter((process) => !process.isStopping),
      build: builds[0],
    });
    for (let index = 0; index < plan.processCount; index += 1) this.#spawnAfter(this.#chance.int(20));
  }

  report(invariant: string, runId: string | null, message: string): void {
    this.trace.add(this.scheduler.now, runId ?? "-", `VIOLATION ${invariant}: ${message}`);
    if (this.violations.length >= violationsMax) return;
    const violation = { invariant, runId, message, afterMs: this.scheduler.now - epoch };
    this.violations.push(violation);
    this.#onViolation(violation);
  }

  /** Every planned run exists, and every run has ended or is parked. */
  get isSettled(): boolean {
    return this.#everyRun((run) => run.endedAt !== null || run.parked !== null);
  }

  /** Settled, and no run waits for a step that a deploy may bring. */
  get isAtRest(): boolean {
    return this.#everyRun(
      ({ endedAt, parked }) => endedAt !== null || !deployParking.has(parked?.reason ?? "needs_step"),
    );
  }

  #everyRun(isDone: (run: RunRecord) => boolean): boolean {
    if (!this.outsiders.allStarted) return false;
    for (const { run } of this.store.space.runs.values()) if (!isDone(run)) return false;
    return true;
  }

  /** Something strikes that is not about one call. */
  strike(fault: Fault, _probe: Probe, who: Participant, runId: string | null = null): void {
    const { scheduler, network } = this;
    const chance = this.#chance;
    switch (fault) {
      case "crash":
        who.crash();
        break;
      case "pause":
        who.pause(this.#plan.setup.leaseMs * chance.pick([0.1, 0.9, 1.2, 3]));
        break;
      case "hints lost":
        network.dropHints();
        network.hintsLostUntil = scheduler.now + chance.heavyTail(outageMsMax);
        break;
      case "outage":
        network.outageUntil = scheduler.now + chance.heavyTail(outageMsMax);
        break;
      case "store clock jump":
        this.#jumpStoreClock(chance.between(-storeJumpMs, storeJumpMs));
        break;
      case "cancel":
        this.outsiders.cancelSomeRun(chance.flag(0.5));
        break;
      case "payload storm":
        this.outsiders.sendPayloads(chance.between(1, 8), { atOnce: chance.flag(0.5), runId });
        break;
      default:
        if (who instanceof SimProcess) this.#strikeProcess(fault, who);
    }
  }

  #jumpStoreClock(ms: number): void {
    this.store.skewMs += ms;
    this.#setBackMs += Math.max(0, -ms);
  }

  #strikeProcess(fault: Fault, process: SimProcess): void {
    const chance = this.#chance;
    switch (fault) {
      case "stop":
        process.stop();
        break;
      case "deploy":
        this.#build = (this.#build + 1) % this.#builds.length;
        if (chance.flag(0.5)) process.stop();
        else process.crash();
        break;
      case "clock jump":
        process.env.skewMs += chance.between(-dayMs, dayMs) * chance.pick([0.001, 0.1, 1]);
        process.env.skewMs = Math.round(process.env.skewMs);
        break;
      case "memory pressure":
        process.env.heap = 0.9;
        break;
    }
  }

  /** The end of the faults: nothing strikes any more, the store is back, and every process that stood still goes on. */
  heal(): void {
    this.#isHealed = true;
    const { rates, targets, setup } = this.#plan;
    const doubles = rates.duplicate > 0 || targets.some(({ fault }) => fault === "duplicate");
    this.#quietFrom = this.scheduler.now + healingMs + (doubles ? ghostsMs : 0) + setup.leaseMs;
    this.striker.isActive = false;
    this.network.outageUntil = 0;
    this.network.hintsLostUntil = 0;
    for (const process of this.processes) {
      process.pausedUntil = Math.min(process.pausedUntil, this.scheduler.now);
      // Some runs need steps that only the one build has, and some those of the other.
      if (this.#builds.length > 1) process.stop();
    }
    if (this.processes.size === 0) this.#spawnAfter(0);
  }

  /** Operators put back what was parked for want of workers that live. */
  async unparkAll(): Promise<void> {
    const world = this.store.connect();
    for (const { run } of this.store.space.runs.values()) {
      if (run.parked !== null && expectedParking.has(run.parked.reason)) await world.unpark(run.runId);
    }
  }

  /**
   * Everybody goes home until just before or after something is due: all processes die or stop, and time jumps. Idle hours
   * cost nothing then, and end in a cold start.
   */
  night(until: number): void {
    for (const process of [...this.processes]) process.crash();
    this.scheduler.jumpTo(until);
    // What a process sent before it went may still claim a run for it.
    this.#quietFrom = Math.max(this.#quietFrom, until + morningMs + this.#plan.setup.leaseMs);
  }

  /** Bodies that run in a process that lives. */
  get runningBodies(): number {
    return this.bodies.countRunning();
  }

  #spawnAfter(ms: number): void {
    this.scheduler.after(ms, null, () => {
      if (this.processes.size < this.#plan.processCount) this.#spawn();
    });
  }

  #spawn(): void {
    this.#spawned += 1;
    const process = new SimProcess({
      name: `worker-${this.#spawned}`,
      seed: this.#plan.seed,
      scheduler: this.scheduler,
      network: this.network,
      setup: this.#plan.setup,
      build: this.#isHealed ? allSteps(this.#builds) : (this.#builds[this.#build] ?? this.#builds[0]),
      runBody: (owner, name, args) => this.bodies.run(owner, name, args),
      background: this.#plan.background,
      executions: this.#executions,
      skewMs: this.#initialSkewMs(),
      onLine: (owner, runId, text) => this.#print(owner, runId, text),
      onError: (owner, error) => this.#judgeError(owner, error),
      onGone: (gone) => {
        this.trace.add(this.scheduler.now, gone.name, "is gone");
        this.processes.delete(gone);
        this.#spawnAfter(this.#isHealed ? 1 : this.#chance.heavyTail(restartMsMax));
      },
    });
    this.processes.add(process);
  }

  /** T3: once nothing strikes any more, what is due is done within a sweep, if the workers have room for every run. */
  #judgeLateness(runId: string, position: number, dueAt: number): void {
    const { setup } = this.#plan;
    const { store } = this;
    if (setup.claimedRunsMax < this.store.runIds.length) return;
    const lateMs = store.now() - Math.max(dueAt, this.#quietFrom + store.skewMs);
    if (lateMs > setup.sweepMs + latenessMsMax + this.#setBackMs)
      this.report("T3", runId, `a wait ended ${lateMs} ms late, at ${position}`);
  }

  /** Where faults may strike clocks at all, no process has the right time. */
  #initialSkewMs(): number {
    return this.#plan.rates["clock jump"] > 0 ? this.#chance.between(-dayMs, dayMs) : 0;
  }

  #print(process: SimProcess, runId: string, text: string): void {
    this.trace.add(this.scheduler.now, process.name, `prints for ${runId}: ${text}`);
    const printed = this.printed.get(runId) ?? [];
    printed.push(text);
    this.printed.set(runId, printed);
  }

  /** A worker tells of stores that fail and of runs that it parks; anything else is a defect. */
  #judgeError(process: SimProcess, error: unknown): void {
    if (StoreError.is(error)) return;
    if (RunParkedError.is(error)) {
      const { runId, parked } = error;
      const { reason, detail } = parked;
      if (!expectedParking.has(reason)) this.report("R4", runId, `parked by ${process.name}: ${reason}: ${detail}`);
      return;
    }
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.report("Q4", null, `${process.name} reports what is no failure of the store: ${text}`);
  }
}

/** A build that has the steps of all builds, whatever their parameters, as the application has when every run has what it needs. */
function allSteps(builds: readonly [CompiledProgram, ...CompiledProgram[]]): CompiledProgram {
  return {
    ...builds[0],
    steps: new Map(builds.flatMap(({ steps }) => [...steps])),
    shapes: new Map(),
    maxRetries: new Map(builds.flatMap(({ maxRetries }) => [...maxRetries])),
  };
}
