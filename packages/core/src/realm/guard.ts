/**
 * The guard against runaway workflow code: calls a host function that enters a realm, and ends the call when it lasts
 * too long, be it in a loop, in a chain of microtasks that never ends or in a regular expression.
 *
 * It owns the time limit of a call. It owns neither the realm nor what the caller does about a stopped call; and since
 * V8 ends a call without running `catch` or `finally`, whoever calls resets its own state afterwards.
 *
 * Two ways lead there, both through `node:vm`, whose evaluations are the only code that Node can end from outside:
 * - `signal`: an evaluation with `breakOnSigint`, and a patrol thread that sends SIGINT (guard-patrol.ts). A call costs
 *   microseconds, because the thread keeps Node's signal helper alive.
 * - `timeout`: an evaluation with `timeout`, for which Node starts a thread each time. Where signals cannot be used, and
 *   for the calls before the patrol is ready.
 */
import vm from "node:vm";
import { InvariantError, invariant } from "@perdure/errors";
import { canPatrol, type GuardPatrol, type StopCause, sharedPatrol } from "./guard-patrol.ts";

/** Calls host functions that enter realms, and stops those that last too long. */
export interface Guard {
  /** How calls are stopped once the guard is ready. */
  readonly kind: "signal" | "timeout";
  /**
   * Why the last stopped call was stopped: `limit`, it lasted too long; `signal`, a SIGINT from outside the process
   * arrived during the call, which may have been well within its limit. Null before the first.
   */
  readonly lastStop: StopCause | null;
  /** Resolves when the fast way is in place, or never will be. Calls before that are guarded too, only slower. */
  ready(): Promise<void>;
  /**
   * Runs `job` and says whether it came to its end. What the job throws reaches the caller as it is.
   *
   * `limitMs` is in milliseconds, at least 1; a call is never stopped earlier, and usually at most 25 ms later. The job
   * may not call `run` again, enter an `AsyncResource`, hold locks, or rely on `catch` and `finally`.
   */
  run(job: () => void, limitMs: number): "done" | "stopped";
  /** Ends the patrol thread when no other guard needs it, and gives SIGINT back to the program. */
  close(): Promise<void>;
}

/** How a guard is made. */
export interface GuardOptions {
  /** Force one way. Default: `signal` where it works (POSIX, main thread), else `timeout`. */
  readonly kind?: "signal" | "timeout";
}

/** A guard for this thread. Starts the patrol thread, which never keeps the process alive. */
export function createGuard(options: GuardOptions = {}): Guard {
  const kind = options.kind ?? (canPatrol() ? "signal" : "timeout");
  return new VmGuard(kind === "signal" && canPatrol() ? sharedPatrol() : null);
}

/** The largest limit that both ways take: about 24 days. */
const limitMsMax = 2 ** 31 - 1;

const signalOptions: vm.RunningScriptOptions = { breakOnSigint: true, displayErrors: false };

class VmGuard implements Guard {
  readonly #patrol: GuardPatrol | null;
  /** The trivial script is a name for `enter` that can be ended from outside. */
  readonly #script = new vm.Script("enter()", { filename: "perdure:guard" });
  readonly #context: vm.Context;
  #job: (() => void) | null = null;
  /** What the job threw, in a box, since it may throw `undefined`. */
  #thrown: { readonly value: unknown } | null = null;
  #lastStop: StopCause | null = null;
  #open = true;

  constructor(patrol: GuardPatrol | null) {
    this.#patrol = patrol;
    this.#context = vm.createContext(vm.constants.DONT_CONTEXTIFY);
    this.#context["enter"] = () => this.#enter();
    patrol?.retain();
  }

  get kind(): "signal" | "timeout" {
    return this.#patrol === null ? "timeout" : "signal";
  }

  get lastStop(): StopCause | null {
    return this.#lastStop;
  }

  async ready(): Promise<void> {
    await this.#patrol?.settled();
  }

  run(job: () => void, limitMs: number): "done" | "stopped" {
    invariant(this.#job === null, "A guarded call was made inside another guarded call.");
    const limit = Math.min(Math.max(Math.ceil(limitMs), 1), limitMsMax);
    this.#job = job;
    const patrol = this.#open && this.#patrol?.armed() ? this.#patrol : null;
    const stop = patrol === null ? this.#runTimed(limit) : this.#runSignalled(patrol, limit);
    this.#job = null;
    const thrown = this.#thrown;
    this.#thrown = null;
    if (stop !== null) {
      this.#lastStop = stop;
      return "stopped";
    }
    if (thrown !== null) throw thrown.value;
    return "done";
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#patrol?.release();
  }

  #runSignalled(patrol: GuardPatrol, limitMs: number): StopCause | null {
    patrol.begin(limitMs);
    const error = this.#evaluate(signalOptions);
    if (error === null) {
      patrol.finish();
      return null;
    }
    if (codeOfStop(error.value) === "ERR_SCRIPT_EXECUTION_INTERRUPTED") return patrol.stopped();
    patrol.finish();
    this.#thrown = error;
    return null;
  }

  #runTimed(limitMs: number): StopCause | null {
    const error = this.#evaluate({ timeout: limitMs, displayErrors: false });
    if (error === null) return null;
    if (codeOfStop(error.value) === "ERR_SCRIPT_EXECUTION_TIMEOUT") return "limit";
    this.#thrown = error;
    return null;
  }

  /** What came out of the evaluation itself: the stop, or an overflow of the stack before the job was entered. */
  #evaluate(options: vm.RunningScriptOptions): { readonly value: unknown } | null {
    try {
      this.#script.runInContext(this.#context, options);
      return null;
    } catch (value) {
      return { value };
    }
  }

  #enter(): void {
    this.#patrol?.entered();
    const job = this.#job;
    if (job === null) throw new InvariantError("The guard's script ran outside of a guarded call.");
    try {
      job();
    } catch (value) {
      this.#thrown = { value };
    }
  }
}

function codeOfStop(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
