/**
 * Every effect of the engine that is not the store: clock, randomness, timers. The engine takes them through an `Env`,
 * so that a test or the simulator can own time and chance. This file is the only one in `core` that touches the real
 * ones.
 */
import { randomBytes, randomFillSync } from "node:crypto";
import { getHeapStatistics } from "node:v8";

/** Clock, chance and timers, as the engine asks for them. */
export interface Env {
  /** The wall clock: milliseconds since the epoch, an integer. It may jump, in either direction. */
  now(): number;
  /**
   * Milliseconds since a moment of no meaning, an integer, by a clock that nobody sets: what passes between two calls has
   * passed, whatever happens to the wall clock. It may stand still while the machine is suspended.
   */
  elapsed(): number;
  /** A number in [0, 1), for jitter; never for anything that workflow code can see. */
  random(): number;
  /** Unpredictable bytes: run ids, seeds, idempotency keys. */
  randomBytes(size: number): Uint8Array;
  /** Calls back once, not before `ms` milliseconds. Returns the way to cancel. Does not keep the process alive. */
  setTimer(ms: number, callback: () => void): () => void;
  /** Calls back after whatever is ready now has run. */
  defer(callback: () => void): void;
  /** The share of the memory for JavaScript objects that is in use, from 0 to 1. */
  heapShare(): number;
  /** Keeps the process alive until the returned function is called. */
  hold(): () => void;
}

/** The longest delay that a platform timer takes; later moments are reached in several hops. */
const timerMsMax = 2 ** 31 - 1;

/** Random bytes are drawn so many at once, because a call for a few costs as much as one for many. */
const pool = new Uint8Array(4_096);
let poolUsed = pool.length;

/** Bytes that nobody has been given before. */
function freshBytes(size: number): Uint8Array {
  if (size > pool.length) return randomBytes(size);
  if (poolUsed + size > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const bytes = pool.slice(poolUsed, poolUsed + size);
  // What was given out is a secret of whoever asked for it.
  pool.fill(0, poolUsed, poolUsed + size);
  poolUsed += size;
  return bytes;
}

/** The real clock, randomness and timers of the process. */
export const systemEnv: Env = {
  now: () => Date.now(),
  elapsed: () => Math.floor(performance.now()),
  random: () => Math.random(),
  randomBytes: freshBytes,
  setTimer(ms, callback) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const hopMs = Math.min(leftMs, timerMsMax);
      timer = setTimeout(() => (leftMs > hopMs ? arm(leftMs - hopMs) : callback()), hopMs).unref();
    };
    arm(Math.max(ms, 0));
    return () => clearTimeout(timer);
  },
  defer: (callback) => {
    setImmediate(callback);
  },
  heapShare() {
    const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
    return used / limit;
  },
  hold() {
    const timer = setInterval(() => {}, timerMsMax);
    return () => clearInterval(timer);
  },
};
