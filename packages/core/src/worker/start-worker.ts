/** Puts a worker together from the real parts of the process. */
import { isStoreRestored, StrayRejectionWarning, WorkerStuckWarning } from "@perdure/errors";
import type { World } from "@perdure/world";
import { currentWorker, setCurrentWorker, worldOf } from "../client/runtime.ts";
import { type Env, systemEnv } from "../env.ts";
import { createGuard } from "../realm/guard.ts";
import { assertRejectionsMode, watchRejections } from "../realm/rejections.ts";
import { crockford } from "../run/crockford.ts";
import type { ConsoleLine } from "../run/machine-io.ts";
import { registeredWorkflows } from "../step/registry.ts";
import { ExecutionFactory } from "./execution-factory.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { RenewingWorker } from "./renewing-worker.ts";
import { type WorkerOptions, workerSettings } from "./settings.ts";
import { shelfOf } from "./shelves.ts";
import { EngineWorker, type WorkerParts } from "./worker.ts";

/** Options of {@link startWorker}. */
export interface StartWorkerOptions extends WorkerOptions {
  /** The world to work for; default: the configured one. */
  readonly world?: World;
  /** Whether the process stays alive for this worker while it has nothing to do. Default true. */
  readonly keepAlive?: boolean;
  /** Called with problems that the worker survives: a run that it parked, a store that fails or was put back, a blocked event loop. Default: a report on stderr. */
  readonly onError?: (error: unknown) => void;
  /** Called with lines that workflow code wrote to its console. Default: this process's console. */
  readonly onConsole?: (runId: string, line: ConsoleLine) => void;
  readonly env?: Env;
}

/** A running worker. */
export interface Worker {
  /** Another one after the store was put back to an earlier state, when the worker has begun anew. */
  readonly id: string;
  /** Runs that are claimed by this worker now. */
  readonly claimedCount: number;
  /** Idle executions in memory. */
  readonly residentCount: number;
  /**
   * Give every run back and stop: nothing new is claimed, running step bodies get `graceMs` milliseconds (default
   * 10,000) to finish and are recorded.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Make this process a worker: it drives the runs of the workflows that are registered here, until `stop`. Throws
 * `WorkerSetupError` when the process was started in a way that a worker cannot work in.
 */
export async function startWorker(options: StartWorkerOptions = {}): Promise<Worker> {
  const settings = workerSettings(options);
  const env = options.env ?? systemEnv;
  const onError = options.onError ?? reportError;
  assertRejectionsMode();
  watchRejections();
  const world = options.world ?? (await worldOf());
  const { namespace } = await world.describe();
  const guard = createGuard();
  const onConsole = options.onConsole ?? writeConsole;
  const print = (runId: string, lines: readonly ConsoleLine[]): void => {
    for (const line of lines) if (!line.replayed) onConsole(runId, line);
  };
  const executions = new ExecutionFactory({
    guard,
    turnLimitMs: settings.turnLimitMs,
    onStrayRejection: (bundle, what) => onError(new StrayRejectionWarning(bundle.workflows.join(", "), what)),
  });
  const shelf = shelfOf(world);
  const shared = { world, env, guard, executions, shelf, settings, namespace, print, onError };
  const worker = await RenewingWorker.begin({
    env,
    onError,
    open(onRestored) {
      shelf.distrustStore();
      return openWorker({ ...shared, onRestored });
    },
    begins: (engine) => setCurrentWorker(world, engine),
    letsGo(engine) {
      if (currentWorker(world) === engine) setCurrentWorker(world, null);
    },
  });
  return handleOf(worker, options.keepAlive === false ? null : env.hold());
}

/** Announces a worker under a new id. */
async function openWorker(shared: Omit<WorkerParts, "heartbeat" | "info">): Promise<EngineWorker> {
  const { world, env, settings, onError, onRestored } = shared;
  const info = { id: `wrkr_${crockford(env.randomBytes(16))}`, leaseMs: settings.leaseMs };
  const heartbeat = await startHeartbeat({
    world,
    worker: { ...info, workflows: registeredWorkflows() },
    intervalMs: settings.heartbeatMs,
    stuckAfterMs: settings.stuckAfterMs,
    env,
    onStuck: (ms, limit) => onError(new WorkerStuckWarning(ms, limit)),
    onError: (error) => (isStoreRestored(error) ? onRestored(error) : onError(error)),
  });
  return new EngineWorker({ ...shared, heartbeat, info });
}

function handleOf(worker: RenewingWorker, release: (() => void) | null): Worker {
  return {
    get id() {
      return worker.id;
    },
    get claimedCount() {
      return worker.claimedCount;
    },
    get residentCount() {
      return worker.residentCount;
    },
    async stop(options) {
      release?.();
      await worker.stop(options?.graceMs);
    },
  };
}

function writeConsole(_runId: string, line: ConsoleLine): void {
  // biome-ignore lint/suspicious/noConsole: what workflow code wrote to its console belongs on this process's console.
  console[line.level](line.text);
}

function reportError(error: unknown): void {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : "a value that is no error was thrown";
  process.stderr.write(`perdure: ${text}\n`);
}
