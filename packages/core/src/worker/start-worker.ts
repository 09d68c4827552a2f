/** Puts a worker together from the real parts of the process. */
import { StrayRejectionWarning, WorkerStuckWarning } from "@perdure/errors";
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
import { type WorkerOptions, workerSettings } from "./settings.ts";
import { shelfOf } from "./shelves.ts";
import { EngineWorker } from "./worker.ts";

/** How long `stop` waits for running step bodies unless told otherwise. */
const graceMsDefault = 10_000;

/** Options of {@link startWorker}. */
export interface StartWorkerOptions extends WorkerOptions {
  /** The world to work for; default: the configured one. */
  readonly world?: World;
  /** Whether the process stays alive for this worker while it has nothing to do. Default true. */
  readonly keepAlive?: boolean;
  /** Called with problems that the worker survives: a run that it parked, a store that fails, a blocked event loop. Default: a report on stderr. */
  readonly onError?: (error: unknown) => void;
  /** Called with lines that workflow code wrote to its console. Default: this process's console. */
  readonly onConsole?: (runId: string, line: ConsoleLine) => void;
  readonly env?: Env;
}

/** A running worker. */
export interface Worker {
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
  const info = { id: `wrkr_${crockford(env.randomBytes(16))}`, leaseMs: settings.leaseMs };
  const guard = createGuard();
  const heartbeat = await startHeartbeat({
    world,
    worker: { ...info, workflows: registeredWorkflows() },
    intervalMs: settings.heartbeatMs,
    stuckAfterMs: settings.stuckAfterMs,
    env,
    onStuck: (ms, limit) => onError(new WorkerStuckWarning(ms, limit)),
    onError,
  });
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
  const parts = { world, env, guard, executions, heartbeat, shelf, settings, info, namespace, print, onError };
  const worker = new EngineWorker(parts);
  const release = options.keepAlive === false ? null : env.hold();
  setCurrentWorker(world, worker);
  worker.begin();
  return handleOf(worker, () => {
    release?.();
    if (currentWorker(world) === worker) setCurrentWorker(world, null);
  });
}

function handleOf(worker: EngineWorker, onStop: () => void): Worker {
  return {
    id: worker.id,
    get claimedCount() {
      return worker.claimedCount;
    },
    get residentCount() {
      return worker.residentCount;
    },
    async stop(options) {
      onStop();
      await worker.stop(options?.graceMs ?? graceMsDefault);
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
