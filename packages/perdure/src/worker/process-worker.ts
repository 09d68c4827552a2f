/**
 * The worker of this process: started by `perdure/register` or by the program, stopped by a signal or at the end.
 *
 *  P1  A process has one worker. `startWorker` called by the program takes the place of the automatic one.
 *  P2  The automatic worker never keeps a process alive that has nothing to drive; one that the program started does.
 *  P3  SIGTERM and SIGINT stop the worker first, and then have the outcome that they have without us.
 */
import { closeWorld, type StartWorkerOptions, startWorker as startEngineWorker, type Worker } from "@perdure/core";
import { StoreError } from "@perdure/errors";
import { processConfiguration } from "../project/world-source.ts";

interface ProcessWorker {
  /** The program has called `startWorker`. */
  isExplicit: boolean;
  automatic: Promise<Worker | null> | null;
}

const stateKey = Symbol.for("perdure/process-worker@1");

/** One per process, whichever copies of this package `register` and the program have loaded. */
function state(): ProcessWorker {
  const holder = globalThis as { [stateKey]?: ProcessWorker };
  holder[stateKey] ??= { isExplicit: false, automatic: null };
  return holder[stateKey];
}

/**
 * Makes this process a worker: it drives the runs of the workflows that are registered here, and stays alive until `stop()`, SIGTERM
 * or SIGINT. A signal gives running steps time to finish, and then ends the process as it would without Perdure, unless
 * the program handles that signal itself.
 *
 * Programs that run under `perdure/register` need it only to stay alive without other work. Throws `WorkerSetupError` when the
 * process was started in a way that a worker cannot work in, and `ConfigError` or `StoreError` when there is no world to work for.
 */
export async function startWorker(options: StartWorkerOptions = {}): Promise<Worker> {
  const current = state();
  current.isExplicit = true;
  const automatic = await current.automatic;
  current.automatic = null;
  await automatic?.stop();
  // A world that is given needs no configuration, so a wrong one must not get in the way.
  const configured = options.world === undefined ? (await processConfiguration()).worker : undefined;
  return stoppedBySignals(await startEngineWorker({ ...(configured || {}), ...options }));
}

/** Starts the automatic worker, unless the program or the configuration has decided otherwise. */
export async function startAutomaticWorker(): Promise<void> {
  const current = state();
  if (current.isExplicit || current.automatic !== null) return;
  current.automatic = openAutomaticWorker(current);
  await current.automatic;
}

async function openAutomaticWorker(current: ProcessWorker): Promise<Worker | null> {
  const { worker: configured } = await processConfiguration();
  if (configured === false || current.isExplicit) return null;
  const worker = stoppedBySignals(await startEngineWorker({ ...configured, keepAlive: false }));
  process.once("beforeExit", () => {
    worker.stop().then(closeWorld, reportStop);
  });
  return worker;
}

const signals = ["SIGTERM", "SIGINT"] as const;

/** The worker, with a `stop` that also takes the signal handlers away. */
function stoppedBySignals(worker: Worker): Worker {
  const onSignal = (signal: NodeJS.Signals): void => {
    // From here on a second signal has its default outcome: whoever presses Ctrl-C twice does not wait.
    unlisten();
    worker.stop().then(() => leave(signal), reportStop);
  };
  const unlisten = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    id: worker.id,
    get claimedCount() {
      return worker.claimedCount;
    },
    get residentCount() {
      return worker.residentCount;
    },
    stop(options) {
      unlisten();
      return worker.stop(options);
    },
  };
}

/** Ends the process by the signal, unless the program listens to it: then the end is the program's own. */
async function leave(signal: NodeJS.Signals): Promise<void> {
  if (process.listenerCount(signal) > 0) return;
  const end = (): true => process.kill(process.pid, signal);
  // Who still waits for a run hears that the store was closed; that is no failure of a program that was told to end.
  process.prependListener("uncaughtExceptionMonitor", (error) => StoreError.is(error) && isClosed(error) && end());
  await closeWorld();
  end();
}

const isClosed = ({ code }: StoreError): boolean => code === "STORE_CLOSED";

function reportStop(error: unknown): void {
  process.exitCode = 1;
  const text = error instanceof Error ? error.message : "a value that is no error was thrown";
  process.stderr.write(`perdure: the worker did not stop cleanly: ${text}\n`);
}
