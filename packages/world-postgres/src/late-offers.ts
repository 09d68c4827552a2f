/**
 * Runs that any worker may take, and that a worker of this process has been told of already. It is a few round trips ahead of
 * the others, who would only get in its way: they are told a moment later, of what it has not taken by then.
 */

/** About twice what a claim takes, in milliseconds. */
const patienceMs = 5;

export class LateOffers {
  readonly #isOpen: (runId: string) => boolean;
  readonly #tell: (runId: string) => void;
  #runIds = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  /** `isOpen`: whether the run is nobody's still, as far as this process knows. `tell`: others, of a run. */
  constructor(isOpen: (runId: string) => boolean, tell: (runId: string) => void) {
    this.#isOpen = isOpen;
    this.#tell = tell;
  }

  add(runId: string): void {
    this.#runIds.add(runId);
    this.#timer ??= setTimeout(() => this.flush(), patienceMs);
  }

  /** Tells of what is left at once. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const runIds = this.#runIds;
    this.#runIds = new Set();
    for (const runId of runIds) if (this.#isOpen(runId)) this.#tell(runId);
  }
}
