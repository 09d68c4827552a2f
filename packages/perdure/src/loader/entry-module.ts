/**
 * Knows when the program's entry module has been evaluated, its top-level awaits included.
 *
 * Node has no event for it. The entry is the one module that is resolved without a parent; importing it again gives the promise of the
 * evaluation that is already under way.
 */
import { isMainThread } from "node:worker_threads";

let isEvaluated = false;
let entry: string | null = null;
const listeners = new Set<() => void>();

/** Told by the loader about each module that is resolved without a parent; the first one is the entry. */
export function noteEntry(url: string): void {
  if (entry !== null || !isMainThread) return;
  entry = url;
  // By then Node has the entry's evaluation in its module map, so that this import joins it. Where it fails, so does the program.
  setImmediate(() => {
    import(url).then(evaluated, () => undefined);
  });
}

/** Calls back once, when the entry has been evaluated without an error. */
export function onEntryEvaluated(listener: () => void): void {
  if (isEvaluated) listener();
  else listeners.add(listener);
}

function evaluated(): void {
  isEvaluated = true;
  for (const listener of listeners) listener();
}
