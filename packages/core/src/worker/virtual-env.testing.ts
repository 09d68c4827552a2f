/** Clock, chance and timers of a test: time moves only when the test moves it. */
import type { Env } from "../env.ts";

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

const startAt = Date.UTC(2026, 0, 1);

/** Rounds of the real event loop without anything to do, after which the test program counts as idle. */
const idleRounds = 3;

export class VirtualEnv implements Env {
  #now = startAt;
  #order = 0;
  #seed: number;
  #deferred: (() => void)[] = [];
  readonly #timers = new Set<Timer>();

  constructor(seed = 1) {
    this.#seed = seed >>> 0;
  }

  /** What the wall clock is ahead of the time that has passed. */
  skewMs = 0;

  now(): number {
    return this.#now + this.skewMs;
  }

  elapsed(): number {
    return this.#now;
  }

  /** Mulberry32 (Tommy Ettinger, public domain): good enough for jitter and ids of tests. */
  random(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) >>> 0;
    let mixed = this.#seed;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  randomBytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => Math.floor(this.random() * 256));
  }

  setTimer(ms: number, callback: () => void): () => void {
    this.#order += 1;
    const timer = { due: this.#now + Math.max(0, Math.ceil(ms)), order: this.#order, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  defer(callback: () => void): void {
    this.#deferred.push(callback);
  }

  /** What a test says. */
  heap = 0;

  heapShare(): number {
    return this.heap;
  }

  hold(): () => void {
    return () => {};
  }

  /** Run whatever is ready, without moving the clock. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < idleRounds; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const ready = this.#deferred;
      this.#deferred = [];
      for (const callback of ready) callback();
      idle = ready.length > 0 ? 0 : idle + 1;
    }
  }

  /** Let time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await this.settle();
    for (let next = this.#nextTimer(target); next !== null; next = this.#nextTimer(target)) {
      this.#fire(next);
      await this.settle();
    }
    this.#now = target;
    await this.settle();
  }

  /** Let time pass until the condition holds, at most so long. */
  async until(condition: () => boolean, msMax = 3_600_000): Promise<void> {
    const target = this.#now + msMax;
    await this.settle();
    while (!condition()) {
      const next = this.#nextTimer(target);
      if (next === null) throw new Error("virtual time ran out before the condition held");
      this.#fire(next);
      await this.settle();
    }
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.due);
    timer.callback();
  }

  #nextTimer(target: number): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers) {
      if (timer.due > target) continue;
      if (next === null || timer.due < next.due || (timer.due === next.due && timer.order < next.order)) next = timer;
    }
    return next;
  }
}
