/** Executions that outlive their claims, so that the next turn of a run costs its new events only. A bounded LRU. */
import type { HeldBundle } from "../realm/bundle.ts";
import type { Residence } from "../run/held-run.ts";

export interface Resident {
  readonly residence: Residence;
  readonly bundle: HeldBundle;
}

export class Residents {
  readonly #max: number;
  /** Least recently used first. */
  readonly #runs = new Map<string, Resident>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#runs.size;
  }

  put(runId: string, resident: Resident): void {
    this.#runs.set(runId, resident);
    if (this.#runs.size <= this.#max) return;
    const [oldest] = this.#runs.keys();
    if (oldest !== undefined) this.take(oldest)?.residence.execution.dispose();
  }

  /** Removes and returns what is held of a run, unless its realm was stopped meanwhile. */
  take(runId: string): Resident | null {
    const found = this.#runs.get(runId) ?? null;
    this.#runs.delete(runId);
    return found?.residence.execution.dead === true ? null : found;
  }

  /** Let go of the half that was not used for longest. */
  shrink(): void {
    for (const runId of [...this.#runs.keys()].slice(0, Math.ceil(this.#runs.size / 2))) {
      this.take(runId)?.residence.execution.dispose();
    }
  }

  clear(): void {
    for (const { residence } of this.#runs.values()) residence.execution.dispose();
    this.#runs.clear();
  }
}
