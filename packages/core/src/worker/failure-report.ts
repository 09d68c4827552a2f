/** Failures of the store as they are told: each is met by many runs, and again at every look. */
import { isStoreRestored, StoreError } from "@perdure/errors";
import type { WorkerParts } from "./worker.ts";

/** A failure that lasts is told again after this many milliseconds. */
const toldAgainMs = 10_000;

export class FailureReport {
  readonly #parts: Pick<WorkerParts, "env" | "onError" | "onRestored">;
  /** When a failure was last told, by its code. */
  readonly #toldAt = new Map<string, number>();

  constructor(parts: Pick<WorkerParts, "env" | "onError" | "onRestored">) {
    this.#parts = parts;
  }

  tell(error: unknown): void {
    const { env, onError, onRestored } = this.#parts;
    if (isStoreRestored(error)) onRestored(error);
    else if (!StoreError.is(error)) onError(error);
    else if (env.elapsed() - (this.#toldAt.get(error.code) ?? Number.NEGATIVE_INFINITY) >= toldAgainMs) {
      this.#toldAt.set(error.code, env.elapsed());
      onError(error);
    }
  }
}
