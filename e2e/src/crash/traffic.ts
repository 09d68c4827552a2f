/**
 * The runs of the experiment as their owner sees them: orders them, sends their payloads, waits for their values. It lives in the
 * controller, which is never killed.
 */
import { setTimeout as pause } from "node:timers/promises";
import { getRun, resumeHook, type World } from "perdure/api";
import { RunParkedError } from "perdure/errors";
import { type Shape, shapes } from "./expected.ts";
import type { RunOrder } from "./messages.ts";
import { sizes } from "./sizes.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** The end of a run is not waited for any longer when no other has ended for this many milliseconds. */
const patienceMs = 30_000;

/** Live runs at any time. */
const liveMax = 18;

/** How a run ended. */
export interface FinishedRun {
  readonly order: RunOrder;
  readonly runId: string;
  readonly value: unknown;
}

export class Traffic {
  /** Every run that was ordered, by key. */
  readonly orders = new Map<string, RunOrder>();
  /** Ids that the workers reported, by key; more than one for a key is a broken promise. */
  readonly runIds = new Map<string, Set<string>>();
  readonly finished: FinishedRun[] = [];
  /** Why the owner of a run did not get its value, by key. */
  readonly failures = new Map<string, unknown>();
  /** Payloads that the store acknowledged to the sender, by key of the run. */
  readonly acknowledged = new Map<string, number[]>();
  /** Runs that were parked after five workers in a row had died over them, and put back by this operator. */
  stalledCount = 0;
  readonly #world: World;
  /** Keys of the runs whose start nobody has confirmed. */
  readonly #ordered = new Set<string>();
  /** Ids of the runs that are confirmed and have not ended. */
  readonly #live = new Set<string>();
  #worker: WorkerProcess | null = null;
  #isOpen = true;

  constructor(world: World) {
    this.#world = world;
  }

  /** From now on this worker starts the runs: those first whose start nobody has confirmed. */
  assign(worker: WorkerProcess): void {
    this.#worker = worker;
    worker.onStarted = (key, runId) => this.#started(key, runId);
    for (const key of this.#ordered) {
      const order = this.orders.get(key);
      if (order !== undefined) worker.start(order);
    }
    this.#fill();
  }

  /** No new runs; resolves when all of them have ended, or when none of them has for a long time. */
  async settle(): Promise<void> {
    this.#isOpen = false;
    let seen = -1;
    for (let endedAt = Date.now(); this.#endedCount < this.orders.size; await pause(50)) {
      if (Date.now() - endedAt > patienceMs) return;
      if (this.#endedCount !== seen) endedAt = Date.now();
      seen = this.#endedCount;
    }
  }

  /** Resolves when each run that is live now has ended or got further; gives up when that takes a long time. */
  async progress(): Promise<void> {
    const until = Date.now() + patienceMs;
    const tails = await Promise.all([...this.#live].map(async (runId) => [runId, await this.#tailOf(runId)] as const));
    for (const [runId, tail] of tails) {
      while (this.#live.has(runId) && (await this.#tailOf(runId)) === tail && Date.now() < until) await pause(5);
    }
  }

  async #tailOf(runId: string): Promise<number> {
    return (await this.#world.runs.get(runId))?.tail ?? 0;
  }

  get #endedCount(): number {
    return this.finished.length + this.failures.size;
  }

  #fill(): void {
    while (this.#isOpen && this.orders.size - this.#endedCount < liveMax) {
      const number = this.orders.size;
      const shape = shapes[number % shapes.length] ?? "sequence";
      const order = { key: `${shape}-${number}`, shape, seed: number * 7919 };
      this.orders.set(order.key, order);
      this.#ordered.add(order.key);
      this.#worker?.start(order);
    }
  }

  #started(key: string, runId: string): void {
    const ids = this.runIds.get(key) ?? new Set();
    this.runIds.set(key, ids.add(runId));
    const order = this.orders.get(key);
    if (order === undefined || !this.#ordered.delete(key)) return;
    this.#live.add(runId);
    this.#follow(order, runId)
      .catch((error: unknown) => this.failures.set(key, error))
      .finally(() => {
        this.#live.delete(runId);
        this.#fill();
      });
  }

  async #follow(order: RunOrder, runId: string): Promise<void> {
    const [value] = await Promise.all([this.#valueOf(runId), this.#feed(order)]);
    this.finished.push({ order, runId, value });
  }

  /** The value of the run; a run that is parked as stalled is put back, as an operator would. */
  async #valueOf(runId: string): Promise<unknown> {
    const run = getRun(runId, { world: this.#world });
    for (;;) {
      try {
        return await run.returnValue;
      } catch (error) {
        if (!RunParkedError.is(error) || error.reason !== "stalled") throw error;
        this.stalledCount += 1;
        await run.unpark();
      }
    }
  }

  /** One payload after the other; each second one is sent twice under one key, as a sender does that got no answer. */
  async #feed({ key, shape }: RunOrder): Promise<void> {
    if (shape !== ("inbox" satisfies Shape)) return;
    const acknowledged: number[] = [];
    this.acknowledged.set(key, acknowledged);
    for (let payload = 0; payload < sizes.payloads; payload += 1) {
      const options = { world: this.#world, wait: "5m", idempotencyKey: `${key}-${payload}` };
      await resumeHook(key, payload, options);
      acknowledged.push(payload);
      if (payload % 2 === 1 && payload < sizes.payloads - 1) await resumeHook(key, payload, options);
    }
  }
}
