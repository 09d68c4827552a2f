/** Clock, chance and timers of one simulated process. */
import type { Env } from "@perdure/core";
import type { Chance } from "../kernel/chance.ts";
import { epoch, type Owner, type Scheduler } from "../kernel/scheduler.ts";

export class ProcessEnv implements Env {
  /** What the wall clock of the process is ahead of true time. */
  skewMs = 0;
  /** The share of the heap that it believes to be in use. */
  heap = 0;
  readonly #scheduler: Scheduler;
  readonly #owner: Owner;
  readonly #chance: Chance;
  readonly #onTimer: (callback: () => void) => void;

  /** `onTimer` is handed each timer that is due, and calls it. */
  constructor(scheduler: Scheduler, owner: Owner, chance: Chance, onTimer: (callback: () => void) => void) {
    this.#scheduler = scheduler;
    this.#owner = owner;
    this.#chance = chance;
    this.#onTimer = onTimer;
  }

  now(): number {
    return this.#scheduler.now + this.skewMs;
  }

  elapsed(): number {
    return this.#scheduler.now - epoch;
  }

  random(): number {
    return this.#chance.next();
  }

  randomBytes(size: number): Uint8Array {
    return this.#chance.bytes(size);
  }

  setTimer(ms: number, callback: () => void): () => void {
    return this.#scheduler.after(ms, this.#owner, () => this.#onTimer(callback));
  }

  defer(callback: () => void): void {
    this.#scheduler.after(0, this.#owner, callback);
  }

  heapShare(): number {
    const { heap } = this;
    this.heap = 0;
    return heap;
  }

  hold(): () => void {
    return () => {};
  }
}
