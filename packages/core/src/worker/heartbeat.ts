/**
 * Proves to the store that this worker lives, so that nobody takes over its runs.
 *
 * It owns when to beat and what counts as alive. It does not own what a beat writes: that is the world's, as a call
 * (`claims.heartbeat`) and, where the world can, as the source of a thread that beats on while a step body blocks the
 * event loop (side-thread.ts).
 *
 * H1. No promise of a `Heartbeat` rejects and nothing here throws: what goes wrong is told to `onError`, once for each
 *     row of failures, and tried again sooner than the next beat would be due.
 * H2. An event loop that has not turned for `stuckAfterMs` is not alive, whoever beats for it.
 * H3. That the store was put back to an earlier state is told in any case: a row of failures mostly comes before it.
 */
import { isStoreRestored, type StandstillLimit, StoreError } from "@perdure/errors";
import type { WorkerInfo, World } from "@perdure/world";
import type { Env } from "../env.ts";
import { type SideThread, startSideThread } from "./side-thread.ts";

/** A worker's proof of life. */
export interface Heartbeat {
  /** Ends the beats and their thread. The worker's last beat stays in the store until it is retired or its lease ends. */
  stop(): Promise<void>;
  /** Says that the event loop turns. It is called by a timer; calling it more often does no harm. */
  tick(): void;
  /** Whether the last beat that the store took is younger than the worker's lease: its claims are its own. */
  alive(): boolean;
}

/** What a heartbeat is made of. */
export interface HeartbeatOptions {
  readonly world: Pick<World, "claims">;
  readonly worker: WorkerInfo;
  /** Milliseconds between two beats; well below a third of the lease, so that two may fail. */
  readonly intervalMs: number;
  /** Milliseconds without a turn of the event loop after which the worker counts as stuck and the beats pause. */
  readonly stuckAfterMs: number;
  readonly env: Env;
  /** Called when the loop turns again after the beats had paused, with the milliseconds that it had not turned and the bound. */
  readonly onStuck?: (ms: number, limit: StandstillLimit) => void;
  /** Called with the first of a row of failed beats. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Beats once, and then until `stop`. Resolves when the first beat is stored; rejects with the world's `StoreError` when
 * it could not be, since a worker whose store is out of reach has nothing to do.
 */
export async function startHeartbeat(options: HeartbeatOptions): Promise<Heartbeat> {
  const beatAt = options.env.now();
  await options.world.claims.heartbeat(options.worker);
  return new WorkerHeartbeat(options, beatAt);
}

/** A failed beat is tried again after this share of the interval, at least and at most. */
const retryShareMin = 0.1;
const retryShareMax = 0.4;

class WorkerHeartbeat implements Heartbeat {
  readonly #options: HeartbeatOptions;
  #thread: SideThread | null = null;
  #beatAt: number;
  #tickAt: number;
  #stopped = false;
  #failing = false;
  #asking = false;
  #beating: Promise<void> = Promise.resolve();
  #cancelTick: () => void = () => {};
  #cancelBeat: () => void = () => {};

  constructor(options: HeartbeatOptions, beatAt: number) {
    this.#options = options;
    this.#beatAt = beatAt;
    this.#tickAt = options.env.elapsed();
    this.#startThread();
    if (this.#thread === null) this.#beatAfter(options.intervalMs);
    this.#tickLater();
  }

  tick(): void {
    const { env, onStuck } = this.#options;
    const now = env.elapsed();
    const stillMs = now - this.#tickAt;
    this.#tickAt = now;
    const limit = this.#standstillLimit();
    const paused = this.#thread?.tick() ?? stillMs >= limit.ms;
    if (paused) onStuck?.(stillMs, limit);
  }

  /** Without a thread the beats pause with the loop, and it is the lease that says when that begins to matter. */
  #standstillLimit(): StandstillLimit {
    const { stuckAfterMs, worker } = this.#options;
    const isLease = this.#thread === null && worker.leaseMs < stuckAfterMs;
    return isLease ? { option: "leaseMs", ms: worker.leaseMs } : { option: "stuckAfterMs", ms: stuckAfterMs };
  }

  alive(): boolean {
    const beatAt = Math.max(this.#beatAt, this.#thread?.beatAt() ?? 0);
    // A wall clock that was set back proves nothing: the next beat does.
    const ageMs = this.#options.env.now() - beatAt;
    return !this.#stopped && ageMs >= 0 && ageMs < this.#options.worker.leaseMs;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTick();
    this.#cancelBeat();
    await this.#thread?.stop();
    await this.#beating;
  }

  #startThread(): void {
    const { world, worker, intervalMs, stuckAfterMs, env } = this.#options;
    try {
      const spec = world.claims.heartbeatThread(worker);
      if (spec === null) return;
      const pace = { intervalMs, stuckAfterMs, retryMs: this.#retryMs() };
      const onBroken = (error: unknown): void => this.#threadBroke(error);
      const onError = (error: unknown): void => this.#tell(lostBeat(error));
      const onRestored = (): void => void this.#askAfterRestore();
      this.#thread = startSideThread({ ...spec, worker, pace, env, onError, onRestored, onBroken });
    } catch (error) {
      this.#tell(error);
    }
  }

  /** The thread is gone for good: the event loop beats in its place. */
  #threadBroke(error: unknown): void {
    this.#beatAt = Math.max(this.#beatAt, this.#thread?.beatAt() ?? 0);
    this.#thread = null;
    if (this.#stopped) return;
    this.#tell(error);
    this.#beatAfter(0);
  }

  /** The thread was refused. The world says why, or that a beat from here will do. */
  async #askAfterRestore(): Promise<void> {
    if (this.#stopped || this.#asking) return;
    this.#asking = true;
    try {
      await this.#options.world.claims.heartbeat(this.#options.worker);
    } catch (error) {
      this.#tell(error);
    }
    this.#asking = false;
  }

  #tickLater(): void {
    this.#cancelTick = this.#options.env.setTimer(this.#options.intervalMs, () => {
      this.#tickLater();
      this.tick();
    });
  }

  #beatAfter(ms: number): void {
    this.#cancelBeat = this.#options.env.setTimer(ms, () => {
      this.#beating = this.#beat();
    });
  }

  async #beat(): Promise<void> {
    const { env, world, worker, intervalMs } = this.#options;
    // Before the call: the store's clock read it at some time after that.
    const beatAt = env.now();
    try {
      await world.claims.heartbeat(worker);
      this.#beatAt = beatAt;
      this.#failing = false;
    } catch (error) {
      if (!this.#failing || isStoreRestored(error)) this.#tell(error);
      this.#failing = true;
    }
    if (!this.#stopped) this.#beatAfter(this.#failing ? this.#retryMs() : intervalMs);
  }

  #retryMs(): number {
    const share = retryShareMin + (retryShareMax - retryShareMin) * this.#options.env.random();
    return Math.max(1, Math.round(this.#options.intervalMs * share));
  }

  #tell(error: unknown): void {
    this.#options.onError?.(error);
  }
}

/** An error of the thread has lost its class on its way here. It is about the store: a thread that breaks is told apart. */
function lostBeat(error: unknown): StoreError {
  const what = error instanceof Error ? error.message : "A heartbeat failed.";
  return new StoreError("STORE_UNAVAILABLE", what, {
    cause: error,
    hint: "It is sent again in a moment. A worker whose heartbeats stay away for its lease loses its runs to others.",
  });
}
