/**
 * When a process that loads `perdure/register` becomes a worker: see docs/decisions/0005-who-works.md.
 *
 * It needs a registered workflow, and one of: the entry module has been evaluated, or the world has been used. The second is for
 * entries that wait for a run at their top level. Until then `configure()` can still choose the world; from then on it cannot, so the
 * worker serves the same world as the rest of the program.
 */
import { isMainThread } from "node:worker_threads";
import { onRegistration, registeredWorkflows } from "@perdure/core";
import { onEntryEvaluated } from "../loader/entry-module.ts";
import { workerAllowed } from "../project/environment.ts";
import { onConfigurationSettled } from "../project/world-source.ts";
import { startAutomaticWorker } from "./process-worker.ts";

/** After this many milliseconds a program that still has no worker is told why. */
const patienceMs = 10_000;

/** Arranges for the worker; does nothing in worker threads, and where `PERDURE_WORKER` is 0. */
export function becomeWorkerWhenReady(): void {
  if (!isMainThread || !workerAllowed()) return;
  const reminder = setTimeout(remind, patienceMs).unref();
  let isReady = false;
  const ready = (): void => {
    if (isReady) return;
    isReady = true;
    clearTimeout(reminder);
    whenWorkflowRegistered(() => {
      // A rejection is not handled on purpose: a process that cannot do its work must not go on silently.
      setImmediate(() => void startAutomaticWorker());
    });
  };
  onEntryEvaluated(ready);
  onConfigurationSettled(ready);
}

function whenWorkflowRegistered(callback: () => void): void {
  if (registeredWorkflows().length > 0) {
    callback();
    return;
  }
  const stop = onRegistration(() => {
    if (registeredWorkflows().length === 0) return;
    stop();
    callback();
  });
}

function remind(): void {
  if (registeredWorkflows().length === 0) return;
  process.emitWarning(
    "The entry module is still being evaluated, so this process drives no runs yet. Call startWorker() from perdure/api before a " +
      "top-level await that does not end.",
    { type: "PerdureWarning" },
  );
}
