/**
 * A worker process: the real engine worker with its real heartbeat, on a simulated clock and network. It can crash, stand
 * still, and be told to stop.
 */

import {
  BundleShelf,
  crockford,
  EngineWorker,
  type ExecutionFactory,
  type HeldBundle,
  startHeartbeat,
  unguarded,
  watchRejections,
  workerSettings,
} from "@perdure/core/simulation";
import type { World } from "@perdure/world";
import type { WorkerSetup } from "../faults/plan.ts";
import { Chance } from "../kernel/chance.ts";
import type { Scheduler } from "../kernel/scheduler.ts";
import type { CompiledProgram } from "../programs/compile.ts";
import type { Network } from "../store/network.ts";
import { loadBuild, type RunBody } from "./build.ts";
import type { Participant } from "./participant.ts";
import { ProcessEnv } from "./process-env.ts";
import { RegistrySwitch } from "./registry-switch.ts";

watchRejections();

const guard = {
  ...unguarded,
  kind: "timeout" as const,
  lastStop: null,
  ready: async () => {},
  close: async () => {},
};

/** How long a process that is told to stop waits for its step bodies. */
const graceMs = 500;

export interface ProcessParts {
  readonly name: string;
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly setup: WorkerSetup;
  readonly build: CompiledProgram;
  /** The bodies of the steps that any worker runs. */
  readonly background: readonly string[];
  readonly executions: ExecutionFactory;
  /** What its wall clock is ahead of true time. */
  readonly skewMs: number;
  readonly runBody: (process: SimProcess, ...call: Parameters<RunBody>) => Promise<unknown>;
  /** A line of workflow code that was not printed before. */
  readonly onLine: (process: SimProcess, runId: string, text: string) => void;
  readonly onError: (process: SimProcess, error: unknown) => void;
  /** The process is gone, by a crash, after a stop, or because it could not start. */
  readonly onGone: (process: SimProcess) => void;
}

export class SimProcess implements Participant {
  readonly kind = "worker";
  readonly name: string;
  readonly env: ProcessEnv;
  readonly build: CompiledProgram;
  readonly workerId: string;
  readonly world: World;
  isAlive = true;
  isStopping = false;
  pausedUntil = 0;
  engine: EngineWorker | null = null;
  readonly #parts: ProcessParts;
  readonly #registry = new RegistrySwitch();
  readonly #shelf: BundleShelf;

  constructor(parts: ProcessParts) {
    const { name, seed, scheduler, network } = parts;
    this.#parts = parts;
    this.name = name;
    this.build = parts.build;
    this.env = new ProcessEnv(scheduler, this, Chance.of(seed, name), (callback) => {
      network.pass("timer", this);
      if (this.isAlive) callback();
    });
    this.env.skewMs = parts.skewMs;
    this.workerId = `wrkr_${crockford(this.env.randomBytes(16))}`;
    this.world = network.connect(this);
    this.#shelf = new BundleShelf(this.world);
    scheduler.after(0, this, () => void this.#boot());
  }

  enter(): void {
    this.#registry.enter();
  }

  leave(): void {
    this.#registry.leave();
  }

  crash(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.#parts.onGone(this);
  }

  pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.#parts.scheduler.now + ms);
  }

  /** Told to stop, as by a deploy: from its next event on it gives its runs back. */
  stop(): void {
    if (this.isStopping) return;
    this.isStopping = true;
    this.#parts.scheduler.after(0, this, () => void this.#stop());
  }

  /** The bundle as this process would start a run with it, stored in the world. */
  async bundle(): Promise<HeldBundle> {
    const { workflowId } = this.build;
    return await this.#shelf.ofWorkflow({
      id: workflowId,
      fn: () => undefined,
      name: "main",
      file: "program.ts",
      line: 1,
    });
  }

  async #boot(): Promise<void> {
    const { setup, build, runBody, onError } = this.#parts;
    loadBuild(build, this.#parts.background, (name, args) => runBody(this, name, args));
    const { compareAndAppend: _cas, maxEventsPerAppend: _max, ...options } = setup;
    const settings = workerSettings(options);
    const info = { id: this.workerId, leaseMs: settings.leaseMs };
    try {
      const heartbeat = await startHeartbeat({
        world: this.world,
        worker: { ...info, workflows: [build.workflowId] },
        intervalMs: settings.heartbeatMs,
        stuckAfterMs: settings.stuckAfterMs,
        env: this.env,
        onError: (error) => onError(this, error),
      });
      if (!this.isAlive) return;
      this.engine = new EngineWorker({
        world: this.world,
        env: this.env,
        guard,
        executions: this.#parts.executions,
        heartbeat,
        shelf: this.#shelf,
        settings,
        info,
        namespace: "default",
        print: (runId, lines) => {
          if (!this.isAlive) return;
          for (const line of lines) if (!line.replayed) this.#parts.onLine(this, runId, line.text);
        },
        onError: (error) => onError(this, error),
        // No schedule puts the store back; in a script the process ends, as one does whose runner starts it again.
        onRestored: (error) => {
          onError(this, error);
          this.crash();
        },
      });
      this.engine.begin();
    } catch (error) {
      onError(this, error);
      // A worker that cannot announce itself ends, and whoever runs it starts it again.
      this.crash();
    }
  }

  async #stop(): Promise<void> {
    await this.engine?.stop(graceMs);
    this.crash();
  }
}
