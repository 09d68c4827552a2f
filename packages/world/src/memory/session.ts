import { StoreError, WorkflowRunNotFoundError } from "@perdure/errors";
import type { AdmitContext } from "../admit.ts";
import type { MemorySpace, StoredRun } from "./memory-space.ts";

/** The effects that a memory world takes from outside. An `Env` of the engine fits. */
export interface MemoryEnv {
  /** The store's clock: milliseconds since the epoch, an integer. */
  now(): number;
  /** Calls back once, not before `ms` milliseconds. Returns the way to cancel. */
  setTimer(ms: number, callback: () => void): () => void;
}

/** One open world on a store: what its methods share. */
export class Session {
  readonly space: MemorySpace;
  readonly env: MemoryEnv;
  readonly maxEvents: number;
  readonly #onClose = new Set<(reason: StoreError) => void>();
  #isClosed = false;

  constructor(space: MemorySpace, env: MemoryEnv, maxEvents: number) {
    this.space = space;
    this.env = env;
    this.maxEvents = maxEvents;
  }

  /** The store's clock, if the world is open. */
  now(): number {
    this.assertOpen();
    return this.env.now();
  }

  assertOpen(): void {
    if (this.#isClosed) throw closedError();
  }

  get(runId: string): StoredRun {
    const stored = this.space.runs.get(runId);
    if (stored === undefined) throw new WorkflowRunNotFoundError(runId);
    return stored;
  }

  context(): AdmitContext {
    return {
      storeNow: this.now(),
      tokenOwner: (tokenHash) => this.space.tokens.get(tokenHash)?.runId ?? null,
    };
  }

  assertFits(count: number): void {
    if (count <= this.maxEvents) return;
    throw new StoreError("STORE_UNSUPPORTED", `One append of ${count} events; this store takes ${this.maxEvents}.`, {
      hint: "Cut the append at `capabilities.maxEventsPerAppend`.",
    });
  }

  /** Calls back when the world is closed, unless the returned function was called before. */
  onClose(callback: (reason: StoreError) => void): () => void {
    this.#onClose.add(callback);
    return () => this.#onClose.delete(callback);
  }

  close(): void {
    this.#isClosed = true;
    for (const callback of [...this.#onClose]) callback(closedError());
  }
}

function closedError(): StoreError {
  return new StoreError("STORE_CLOSED", "The memory world is closed.", {
    hint: "Something uses the world after `close()`: stop workers and await pending calls before closing it.",
  });
}
