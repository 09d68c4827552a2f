/**
 * A worker of this process that begins anew when its store was put back to an earlier state.
 *
 * Everything that the worker before knew is dropped with it: executions, claims, the estimate of the store's clock. The one
 * in its place has another id, so that no claim of the restored store is mistaken for its own, and those of the worker
 * before can be taken over once their lease is over.
 *
 * N1  Only one worker works at a time: the one before has let go before the next is opened.
 * N2  A store that cannot be reached just then is asked again until it can, or until `stop`.
 */
import type { StoreError } from "@perdure/errors";
import type { Env } from "../env.ts";
import { retryPauseMs } from "./retry-pause.ts";
import type { EngineWorker } from "./worker.ts";

/** How long `stop` waits for running step bodies unless told otherwise. */
const graceMsDefault = 10_000;

export interface RenewalParts {
  readonly env: Env;
  /** Announces a worker under a new id; it has not begun. */
  readonly open: (onRestored: (error: StoreError) => void) => Promise<EngineWorker>;
  /** This worker takes the starts of this process from now on. */
  readonly begins: (worker: EngineWorker) => void;
  /** This worker takes no more starts: it stops, or its store was put back. */
  readonly letsGo: (worker: EngineWorker) => void;
  readonly onError: (error: unknown) => void;
}

export class RenewingWorker {
  readonly #parts: RenewalParts;
  /** The worker that works, or that worked last. */
  #current: EngineWorker | null = null;
  #isWorking = false;
  #renewal: Promise<void> = Promise.resolve();
  #stopping = false;
  #endPause: () => void = () => {};

  private constructor(parts: RenewalParts) {
    this.#parts = parts;
  }

  /** Opens the first worker; rejects when its first beat is not stored. */
  static async begin(parts: RenewalParts): Promise<RenewingWorker> {
    const renewing = new RenewingWorker(parts);
    await renewing.#open();
    return renewing;
  }

  get id(): string {
    return this.#current?.id ?? "";
  }

  get claimedCount(): number {
    return this.#current?.claimedCount ?? 0;
  }

  get residentCount(): number {
    return this.#current?.residentCount ?? 0;
  }

  async stop(graceMs = graceMsDefault): Promise<void> {
    this.#stopping = true;
    if (this.#current !== null) this.#parts.letsGo(this.#current);
    this.#endPause();
    await this.#renewal;
    await this.#current?.stop(graceMs);
  }

  async #open(): Promise<void> {
    let opened: EngineWorker | null = null;
    const worker = await this.#parts.open((error) => {
      if (opened !== null) this.#restored(opened, error);
    });
    opened = worker;
    this.#current = worker;
    if (this.#stopping) return;
    this.#isWorking = true;
    this.#parts.begins(worker);
    worker.begin();
  }

  /** The store has lost what it had acknowledged to this worker. */
  #restored(worker: EngineWorker, error: StoreError): void {
    if (this.#current !== worker || !this.#isWorking || this.#stopping) return;
    this.#isWorking = false;
    this.#parts.letsGo(worker);
    this.#parts.onError(error);
    this.#renewal = this.#renew(worker);
  }

  async #renew(before: EngineWorker): Promise<void> {
    await before.abandon();
    for (let attempt = 1; !this.#stopping; attempt += 1) {
      try {
        return await this.#open();
      } catch (error) {
        this.#parts.onError(error);
        await this.#pause(attempt);
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const { env } = this.#parts;
    return new Promise((resolve) => {
      const cancel = env.setTimer(retryPauseMs(attempt, env.random()), resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
