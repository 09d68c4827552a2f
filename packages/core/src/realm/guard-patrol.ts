/**
 * Main's side of the guard's patrol thread: starts it, knows whether it holds SIGINT, and passes signals that came from
 * outside on to the program.
 *
 * It owns the shared words, the thread and what is visible of both on `process`: one listener each for `newListener`
 * and `removeListener`, and an own `listenerCount`. It does not own the guarded call (guard.ts).
 *
 * There is one patrol per process, shared by all guards and by all installed copies of this package.
 */
import type { EventEmitter } from "node:events";
import { constants } from "node:os";
import { isMainThread, Worker } from "node:worker_threads";
import { patrolSource } from "./guard-patrol-source.ts";
import {
  nextRunningTurn,
  patrolOrder,
  stateOf,
  turnState,
  unarmed,
  withState,
  word,
  wordCount,
} from "./guard-words.ts";

/** How a signalled call ended: by our own signal, or by one from outside. */
export type StopCause = "limit" | "signal";

/** The patrol as the guard sees it. */
export interface GuardPatrol {
  /** One more guard uses the patrol. */
  retain(): void;
  /** One guard less; the last one ends the thread and gives the signal back. */
  release(): Promise<void>;
  /** Whether a call that begins now would be stopped by a signal (W3). */
  armed(): boolean;
  /** Resolves when the patrol holds the signal, or never will. */
  settled(): Promise<void>;
  /** Starts the clock of a call, and hides the program's listeners from the evaluation that is entered next. */
  begin(limitMs: number): void;
  /** The evaluation has been entered: the program's listeners are visible again. */
  entered(): void;
  /** The call ended by itself. Waits for a signal that is under way. */
  finish(): void;
  /** The call was ended by a signal: whose? One from outside has been passed on, unless it has ended the process. */
  stopped(): StopCause;
}

/** Milliseconds to wait for a signal that was sent: the kernel needs microseconds, a starved machine more. */
const signalWaitMs = 5_000;

/** Milliseconds to wait for the thread to let go of the signal before the process ends by it. */
const leaveWaitMs = 1_000;

/** Where the patrol is registered: two copies of this package must not each hold the signal. */
const registryKey: unique symbol = Symbol.for("perdure/guard-patrol@1") as never;

/** Whether a process like this one can be guarded by signals at all. */
export function canPatrol(): boolean {
  return process.platform !== "win32" && isMainThread;
}

/** The patrol of this process. */
export function sharedPatrol(): GuardPatrol {
  const registry = globalThis as { [registryKey]?: GuardPatrol };
  registry[registryKey] ??= new Patrol();
  return registry[registryKey];
}

class Patrol implements GuardPatrol {
  readonly #words = new Int32Array(new SharedArrayBuffer(wordCount * Int32Array.BYTES_PER_ELEMENT));
  #users = 0;
  #thread: Worker | null = null;
  #ended: Promise<void> = Promise.resolve();
  /** True between `begin` and `entered`. */
  #hiding = false;
  /** The turn word of the running call. */
  #turn = 0;

  retain(): void {
    this.#users += 1;
    if (this.#thread === null) this.#start();
  }

  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0 || this.#thread === null) return;
    this.#thread.ref();
    this.#order(patrolOrder.leave);
    await this.#ended;
  }

  armed(): boolean {
    const words = this.#words;
    if (this.#thread === null || Atomics.load(words, word.order) !== patrolOrder.none) return false;
    return Atomics.load(words, word.armed) === Atomics.load(words, word.epoch);
  }

  async settled(): Promise<void> {
    const thread = this.#thread;
    // Who waits for the thread wants the process to live until then.
    thread?.ref();
    while (this.#thread !== null && !this.armed()) {
      await changed(this.#words, word.armed, Atomics.load(this.#words, word.armed));
    }
    thread?.unref();
  }

  begin(limitMs: number): void {
    const words = this.#words;
    this.#turn = nextRunningTurn(this.#turn);
    Atomics.store(words, word.limitMs, limitMs);
    Atomics.store(words, word.turn, this.#turn);
    if (Atomics.load(words, word.asleep) === 1) this.#wake();
    this.#hiding = true;
  }

  entered(): void {
    this.#hiding = false;
  }

  finish(): void {
    this.#hiding = false;
    const words = this.#words;
    const idle = withState(this.#turn, turnState.idle);
    if (Atomics.compareExchange(words, word.turn, this.#turn, idle) === this.#turn) return;
    // Claimed: the signal is under way and finds nobody in a guarded call, so the patrol receives it. The next call
    // must not begin before that, or it would be stopped in the place of this one.
    const claimed = withState(this.#turn, turnState.claimed);
    while (Atomics.load(words, word.absorbed) !== claimed) {
      const seen = Atomics.load(words, word.absorbed);
      if (seen !== claimed && Atomics.wait(words, word.absorbed, seen, signalWaitMs) === "timed-out") break;
    }
    Atomics.store(words, word.turn, idle);
    Atomics.notify(words, word.turn);
  }

  stopped(): StopCause {
    this.#hiding = false;
    const words = this.#words;
    const last = Atomics.exchange(words, word.turn, withState(this.#turn, turnState.idle));
    Atomics.notify(words, word.turn);
    if (stateOf(last) === turnState.claimed) return "limit";
    if (process.listenerCount("SIGINT") > 0) process.nextTick(emitSigint);
    else this.#die();
    return "signal";
  }

  #start(): void {
    this.#words.fill(0);
    this.#turn = 0;
    this.#words[word.armed] = unarmed;
    this.#words[word.away] = 1;
    this.#words[word.listened] = process.listenerCount("SIGINT") > 0 ? 1 : 0;
    const thread = startThread(this.#words);
    if (thread === null) return;
    this.#thread = thread;
    this.#watchListeners();
    thread.on("message", emitSigint);
    // A thread that breaks (out of memory, say) has let go of the signal; calls are guarded by time limits from then on.
    thread.on("error", () => {});
    this.#ended = new Promise((resolve) => {
      thread.once("exit", () => {
        this.#thread = null;
        this.#unwatchListeners();
        restoreListeners();
        const asked = Atomics.load(this.#words, word.order) === patrolOrder.leave;
        // A guard may have been made while the thread was ending.
        if (asked && this.#users > 0) this.#start();
        resolve();
      });
    });
    thread.unref();
  }

  /** Lets go of the signal and ends the process by it, as it would have ended without a guard. */
  #die(): void {
    const words = this.#words;
    this.#order(patrolOrder.leave);
    if (Atomics.load(words, word.away) === 0) Atomics.wait(words, word.away, 0, leaveWaitMs);
    process.kill(process.pid, "SIGINT");
  }

  #order(order: number): void {
    Atomics.store(this.#words, word.order, order);
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#words, word.wake, 1);
    Atomics.notify(this.#words, word.wake);
  }

  /**
   * The first listener that a program adds and the last that it removes make Node hand the signal to or take it from
   * the event loop, past the patrol (W3). Node's own `newListener` listener has been called when ours is.
   */
  #watchListeners(): void {
    process.on("newListener", this.#onListenerAdded);
    process.on("removeListener", this.#onListenerRemoved);
    // `vm` takes all listeners off and puts them back around an evaluation that SIGINT may break, if there are any; it
    // asks for the count. That would cost the patrol its signal at every call.
    Object.defineProperty(process, "listenerCount", {
      value: (name: string | symbol, listener?: (...parameters: unknown[]) => void): number =>
        this.#hiding && name === "SIGINT" ? 0 : inheritedListenerCount(name, listener),
      configurable: true,
      enumerable: false,
      writable: true,
    });
  }

  #unwatchListeners(): void {
    process.removeListener("newListener", this.#onListenerAdded);
    process.removeListener("removeListener", this.#onListenerRemoved);
    Reflect.deleteProperty(process, "listenerCount");
  }

  readonly #onListenerAdded = (name: string | symbol): void => {
    if (name === "SIGINT" && process.listenerCount("SIGINT") === 0) this.#signalMoved(1);
  };

  readonly #onListenerRemoved = (name: string | symbol): void => {
    if (name === "SIGINT" && process.listenerCount("SIGINT") === 0) this.#signalMoved(0);
  };

  #signalMoved(listened: 0 | 1): void {
    Atomics.add(this.#words, word.epoch, 1);
    Atomics.store(this.#words, word.listened, listened);
    this.#order(patrolOrder.rearm);
  }
}

function startThread(words: Int32Array): Worker | null {
  try {
    return new Worker(patrolSource, {
      eval: true,
      name: "perdure-guard",
      workerData: words.buffer,
      // The program's own preloads and loaders have no business in this thread.
      execArgv: [],
      env: {},
      stdin: false,
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16, stackSizeMb: 1 },
    });
  } catch {
    // Threads are forbidden here (the permission model) or exhausted: the time-limit guard needs none.
    return null;
  }
}

/** Resolves when a word is no longer `seen`; looks again after a while, since a thread that broke says nothing. */
async function changed(words: Int32Array, index: number, seen: number): Promise<void> {
  const waiting = Atomics.waitAsync(words, index, seen, 50);
  if (waiting.async) await waiting.value;
}

function inheritedListenerCount(name: string | symbol, listener?: (...parameters: unknown[]) => void): number {
  const inherited = Object.getPrototypeOf(process) as NodeJS.Process;
  return inherited.listenerCount.call(process, name, listener);
}

/** What the event loop does with a signal that it has caught. Without listeners by now it is dropped, there as here. */
function emitSigint(): void {
  // Node's types leave out the number of the signal, which its listeners get.
  const emitter: EventEmitter = process;
  emitter.emit("SIGINT", "SIGINT", constants.signals.SIGINT);
}

/** Node's helper leaves the default behaviour behind, and the event loop takes a signal only for a first listener. */
function restoreListeners(): void {
  const listeners = process.rawListeners("SIGINT");
  if (listeners.length === 0) return;
  process.removeAllListeners("SIGINT");
  for (const listener of listeners) process.on("SIGINT", listener as NodeJS.SignalsListener);
}
