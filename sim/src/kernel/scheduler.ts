/**
 * Virtual time. One event runs at a time; what it set off in promises runs to rest before the next one; among events that
 * are due together chance decides. Nothing here reads a real clock, so a seed gives one order.
 */
import type { Chance } from "./chance.ts";

/** Somebody whose events are dropped when it is dead, and late when it is paused. */
export interface Owner {
  readonly name: string;
  readonly isAlive: boolean;
  /** Until this moment nothing of it runs. */
  readonly pausedUntil: number;
  /** Its code is about to run, after somebody else's. */
  enter(): void;
  /** Somebody else's code is about to run. */
  leave(): void;
}

interface Entry {
  at: number;
  readonly tie: number;
  readonly order: number;
  readonly owner: Owner | null;
  readonly run: () => void;
  isCancelled: boolean;
}

/** A schedule that takes more steps than this goes round in circles. */
const eventsMax = 200_000;

/** The first moment of every schedule: 1 January 2026. */
export const epoch = Date.UTC(2026, 0, 1);

export class Scheduler {
  /** True time, in milliseconds since the epoch. No participant sees it as such. */
  now = epoch;
  /** Events that have run. */
  eventCount = 0;
  /** Whose event is running. */
  current: Owner | null = null;
  readonly #chance: Chance;
  readonly #heap: Entry[] = [];
  #order = 0;

  constructor(chance: Chance) {
    this.#chance = chance;
  }

  /** Run this after so many milliseconds, as the owner's. Returns the way to cancel. */
  after(ms: number, owner: Owner | null, run: () => void): () => void {
    this.#order += 1;
    const entry = {
      at: this.now + Math.max(0, Math.ceil(ms)),
      tie: this.#chance.next(),
      order: this.#order,
      owner,
      run,
      isCancelled: false,
    };
    this.#push(entry);
    return () => {
      entry.isCancelled = true;
    };
  }

  /** The moment of the next event that can run; null when there is none. */
  get nextAt(): number | null {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (!first.isCancelled && first.owner?.isAlive !== false) return first.at;
      this.#pop();
    }
    return null;
  }

  /** Runs the next event to rest. False when there is none. */
  async step(): Promise<boolean> {
    const entry = this.#take();
    if (entry === null) return false;
    this.now = Math.max(this.now, entry.at);
    this.eventCount += 1;
    this.#switchTo(entry.owner);
    entry.run();
    // Every promise that this event settled has been followed to its end before the next macrotask.
    await new Promise<void>((resolve) => setImmediate(resolve));
    return true;
  }

  /** Run what is due until the condition holds or the moment is reached. True when the condition held. */
  async runUntil(condition: () => boolean, until: number): Promise<boolean> {
    while (!condition()) {
      const next = this.nextAt;
      if (next === null || next > until || this.eventCount >= eventsMax) {
        // Whether anything happened or not, the time has passed.
        this.jumpTo(until);
        return false;
      }
      await this.step();
    }
    return true;
  }

  /** Time passes without anything happening; what was due meanwhile is late. */
  jumpTo(at: number): void {
    this.now = Math.max(this.now, at);
  }

  /** Nobody's code runs any more. */
  finish(): void {
    this.#switchTo(null);
    this.#heap.length = 0;
  }

  #switchTo(owner: Owner | null): void {
    if (owner === this.current) return;
    this.current?.leave();
    this.current = owner;
    owner?.enter();
  }

  #take(): Entry | null {
    for (;;) {
      const entry = this.#pop();
      if (entry === null) return null;
      const { owner } = entry;
      if (entry.isCancelled || owner?.isAlive === false) continue;
      if (owner !== null && owner.pausedUntil > Math.max(this.now, entry.at)) {
        entry.at = owner.pausedUntil;
        this.#push(entry);
        continue;
      }
      return entry;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = entry;
  }

  #pop(): Entry | null {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return null;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      const left = heap[2 * place + 1];
      const right = heap[2 * place + 2];
      if (left === undefined) break;
      const takesRight = right !== undefined && isBefore(right, left);
      const child = takesRight ? right : left;
      if (!isBefore(child, entry)) break;
      heap[place] = child;
      place = 2 * place + (takesRight ? 2 : 1);
    }
    heap[place] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;
}
