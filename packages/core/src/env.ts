/**
 * Every effect of the engine that is not the store: clock, randomness, timers. The engine takes them through an `Env`,
 * so that a test or the simulator can own time and chance. This file is the only one in `core` that touches the real
 * ones.
 */
import { randomBytes } from "node:crypto";

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

/** The real clock, randomness and timers of the process. */
export const systemEnv: Env = {
  now: () => Date.now(),
  random: () => Math.random(),
  randomBytes: (size) => randomBytes(size),
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
