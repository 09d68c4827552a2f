/**
 * One of the processes that drive a run: the real run machine and the real drive behind a gate. It claims the run, drives
 * it, keeps the execution that a release leaves, and claims again, until its calls are spent. It never beats, so that it may
 * be taken over at any moment, and learns of that from the store alone.
 */
import type { Env } from "@perdure/core";
import {
  Drive,
  type ExecutionFactory,
  encodeLostError,
  executeStep,
  type HeldBundle,
  RunMachine,
  StoreClock,
  stepContext,
  watchRejections,
} from "@perdure/core/simulation";
import { StoreError } from "@perdure/errors";
import type { ClaimedRun, World } from "@perdure/world";
import type { ClaimWatch } from "../checkers/claim-watch.ts";
import { Chance } from "../kernel/chance.ts";
import type { Scheduler } from "../kernel/scheduler.ts";
import type { BodyHost } from "../ledger/bodies.ts";
import { Gate } from "./gate.ts";

watchRejections();

const leaseMs = 1_000;
const holdMs = 1_500;

export interface DriverParts {
  readonly name: string;
  readonly executions: ExecutionFactory;
  readonly scheduler: Scheduler;
  readonly world: World;
  readonly claims: ClaimWatch;
  readonly bundle: HeldBundle;
  readonly workflowId: string;
  readonly callsMax: number;
  readonly onParked: (reason: string, detail: string) => void;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** The driver whose code runs now: a step body learns from it where it is. */
let current: Driver | null = null;

export const currentDriver = (): Driver => {
  if (current === null) throw new Error("No driver's code is running.");
  return current;
};

type Residence = ReturnType<RunMachine["takeResidence"]>;

export class Driver implements BodyHost {
  readonly kind = "worker";
  readonly name: string;
  readonly workerId: string;
  readonly env: Env;
  readonly gate: Gate;
  /** The store behind the gate; what its answers say of the claim is noted. */
  readonly #world: World;
  isAlive = true;
  readonly pausedUntil = 0;
  readonly #parts: DriverParts;
  readonly #clock = new StoreClock();
  readonly #timers = new Set<Timer>();
  readonly #deferred: (() => void)[] = [];
  /** The execution that the last claim left. */
  #residence: Residence = null;

  constructor(parts: DriverParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.workerId = `wrkr_${parts.name}`;
    this.gate = new Gate(parts.world, parts.callsMax, () => this.crash());
    this.#world = noting(parts.claims, parts.name, this.gate.world);
    this.env = this.#ownEnv(Chance.of(1, parts.name));
  }

  enter(): void {}

  leave(): void {}

  crash(): void {
    this.isAlive = false;
  }

  pause(): void {}

  /** What it can do next: have the call that waits let through, have its next timer fire. None: it has nothing to do any more. */
  get moves(): readonly ("call" | "timer")[] {
    if (!this.isAlive) return [];
    const call = this.gate.first === null ? [] : (["call"] as const);
    return this.#timers.size > 0 ? [...call, "timer"] : call;
  }

  /** The moment of the next timer. */
  get nextTimerAt(): number {
    return Math.min(...[...this.#timers].map(({ at }) => at));
  }

  begin(): Promise<void> {
    return this.act(() => void this.#work());
  }

  fireTimer(): Promise<void> {
    const [first] = [...this.#timers].sort((a, b) => a.at - b.at);
    return this.act(() => {
      if (first === undefined) return;
      this.#timers.delete(first);
      first.callback();
    });
  }

  /** Does something of its own and runs to rest. */
  async act(action: () => void): Promise<void> {
    current = this;
    action();
    for (let isBusy = true; isBusy; ) {
      // When this comes, every promise that was settled has been followed to its end.
      await new Promise<void>((resolve) => setImmediate(resolve));
      const deferred = this.#deferred.splice(0);
      for (const callback of deferred) callback();
      isBusy = deferred.length > 0;
    }
    current = null;
  }

  async #work(): Promise<void> {
    const { workflowId, scheduler } = this.#parts;
    const worker = { id: this.workerId, leaseMs, workflows: [workflowId] };
    for (;;) {
      try {
        const { runs, nextWakeAt, storeNow } = await this.#world.claims.claim({ worker, max: 1 });
        this.#clock.observe(storeNow, scheduler.now);
        const [claimed] = runs;
        if (claimed !== undefined) {
          if (await this.#drive(claimed)) return;
        } else if (nextWakeAt === null) return;
        else await new Promise<void>((resolve) => this.env.setTimer(nextWakeAt - storeNow, resolve));
      } catch (error) {
        // A claim whose answer was lost is made again: nobody here beats, so the run is taken from its last claim.
        if (!StoreError.is(error)) throw error;
      }
    }
  }

  /** Drives the run to the end of this claim. True when nothing is left to be driven. */
  async #drive({ run: { runId, tail }, epoch }: ClaimedRun): Promise<boolean> {
    const { bundle, executions } = this.#parts;
    const memo = executions.newMemo();
    const machine = new RunMachine({
      runId,
      worker: this.workerId,
      epoch,
      clock: this.#clock,
      open: (created, options) => executions.open({ runId, bundle, memo, created, ...options }),
      encodeLostError,
      mode: "resident",
      runningMax: 50,
      compareAndAppend: this.#world.capabilities.compareAndAppend,
      maxEventsPerAppend: this.#world.capabilities.maxEventsPerAppend,
      holdMs,
    });
    const { env } = this;
    const host = {
      world: this.#world,
      env,
      runStep: (task: Parameters<typeof executeStep>[0], signal: () => AbortSignal) =>
        executeStep(task, stepContext({ runId, task, signal, now: env.now() }), env),
      print: () => {},
      storeFailed: () => {},
    };
    const drive = new Drive(host, machine, { runId, epoch });
    const residence = this.#residence;
    this.#residence = null;
    drive.begin(() => machine.claimed(residence, tail));
    const end = await drive.ended;
    this.#residence = machine.takeResidence();
    if (end.kind === "parked") this.#parts.onParked(end.fault.reason, end.fault.detail);
    return end.kind === "ended" || end.kind === "parked";
  }

  #ownEnv(chance: Chance): Env {
    const { scheduler } = this.#parts;
    return {
      now: () => scheduler.now,
      elapsed: () => scheduler.now,
      random: () => chance.next(),
      randomBytes: (size) => chance.bytes(size),
      setTimer: (ms, callback) => {
        const timer = { at: scheduler.now + Math.max(0, ms), callback };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
      defer: (callback) => void this.#deferred.push(callback),
      heapShare: () => 0,
      hold: () => () => {},
    };
  }
}

/** Notes what a process learns of its claims, when it learns it. */
function noting(claims: ClaimWatch, name: string, world: World): World {
  return {
    ...world,
    log: {
      ...world.log,
      append: async (runId, request) => {
        const result = await world.log.append(runId, request);
        if (request.by === "driver" && result.kind === "fenced") claims.fenced(name, runId, request.epoch);
        return result;
      },
    },
    claims: {
      ...world.claims,
      claim: async (request) => {
        const result = await world.claims.claim(request);
        claims.claimed(name, result);
        return result;
      },
      release: async (runId, request) => {
        const result = await world.claims.release(runId, request);
        if (result === "fenced") claims.fenced(name, runId, request.epoch);
        return result;
      },
    },
  };
}
