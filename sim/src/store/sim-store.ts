/** The one store of a schedule: the memory world's data, with a clock of its own. */

import type { World } from "@perdure/world";
import { createMemoryWorld, MemoryStore, type MemoryWorldOptions } from "@perdure/world/memory";
import type { WorkerSetup } from "../faults/plan.ts";
import type { Scheduler } from "../kernel/scheduler.ts";

const namespace = "default";

export type StoredRun = ReturnType<SimStore["run"]> & {};

export class SimStore {
  readonly store = new MemoryStore("simulated");
  /** What the store's clock is ahead of true time. */
  skewMs = 0;
  #latest = 0;
  readonly #scheduler: Scheduler;
  readonly #options: MemoryWorldOptions;

  constructor(scheduler: Scheduler, setup: WorkerSetup) {
    this.#scheduler = scheduler;
    const env = {
      now: () => this.now(),
      setTimer: (ms: number, callback: () => void) => scheduler.after(ms, null, callback),
    };
    const { compareAndAppend, maxEventsPerAppend } = setup;
    this.#options = { env, store: this.store, namespace, compareAndAppend, maxEventsPerAppend };
  }

  /** The store's clock. */
  now(): number {
    const now = this.#scheduler.now + this.skewMs;
    this.#latest = Math.max(this.#latest, now);
    return now;
  }

  /** The latest moment that the store's clock has shown, before it was set back perhaps. */
  get latest(): number {
    return Math.max(this.#latest, this.now());
  }

  /** A connection that never fails. */
  connect(): World {
    return createMemoryWorld(this.#options);
  }

  get space() {
    return this.store.space(namespace);
  }

  run(runId: string) {
    return this.space.runs.get(runId);
  }

  get runIds(): readonly string[] {
    return [...this.space.runs.keys()];
  }
}
