/**
 * Every effect of the engine that is not the store: clock, randomness, timers. The engine takes them through an `Env`,
 * so that a test or the simulator can own time and chance. This file is the only one in `core` that touches the real
 * ones.
 */
import { randomBytes, randomFillSync } from "node:crypto";

/** Clock, chance and timers, as the engine asks for them. */
export interface Env {
  /** Milliseconds since the epoch, an integer. */
  now(): number;
  /** A number in [0, 1), for jitter; never for anything that workflow code can see. */
  random(): number;
  /** Unpredictable bytes: run ids, seeds, idempotency keys. */
  randomBytes(size: number): Uint8Array;
  /** Calls back once, not before `ms` milliseconds. Returns the way to cancel. Does not keep the process alive. */
  setTimer(ms: number, callback: () => void): () => void;
  /** Calls back after whatever is ready now has run. */
  defer(callback: () => void): void;
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
  random: () => Math.random(),
  randomBytes: freshBytes,
  setTimer(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), timerMsMax)).unref();
    return () => clearTimeout(timer);
  },
  defer: (callback) => {
    setImmediate(callback);
  },
  hold() {
    const timer = setInterval(() => {}, timerMsMax);
    return () => clearInterval(timer);
  },
};
