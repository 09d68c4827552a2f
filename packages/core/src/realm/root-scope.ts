/**
 * Calls that see nothing of their caller's `AsyncLocalStorage` stores.
 *
 * Workflow code would differ from its replay if it inherited a store, and step bodies would see the request in which
 * their run happened to be advanced. Entered OUTSIDE of a guarded call: a call that is stopped runs no `finally`, and
 * an asynchronous scope that is not left again aborts the process.
 */
import { AsyncResource } from "node:async_hooks";

/** Has the stores of the moment when this module was loaded: none, unless the program imports it within one. */
const root = new AsyncResource("PERDURE", { requireManualDestroy: true });

/**
 * Runs `fn` and returns what it returns. `fn`, and the promises, timers and callbacks that it starts, have none of the
 * `AsyncLocalStorage` stores of the caller. What it throws reaches the caller.
 */
export function runInRootScope<T>(fn: () => T): T {
  return root.runInAsyncScope(fn);
}
