/**
 * Which step bodies run now. A worker runs at most `perWorker` bodies at once and at most `perRun` of one run, so that a
 * run with ten thousand ready steps starves nobody: runs that wait take turns.
 */
export interface SlotLimits {
  readonly perWorker: number;
  readonly perRun: number;
}

interface Queue {
  readonly waiting: (() => void)[];
  running: number;
}

export class StepSlots {
  readonly #limits: SlotLimits;
  readonly #queues = new Map<string, Queue>();
  /** Runs that have something waiting and a free slot of their own, in turn. */
  readonly #turn = new Set<string>();
  #running = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** Bodies that could start at once if they came now. */
  get freeCount(): number {
    return this.#limits.perWorker - this.#running;
  }

  get runningCount(): number {
    return this.#running;
  }

  /** Starts the body when a slot is free. The body calls `done` exactly once. */
  submit(runId: string, body: (done: () => void) => void): void {
    const queue = this.#queues.get(runId) ?? { waiting: [], running: 0 };
    this.#queues.set(runId, queue);
    queue.waiting.push(() => body(() => this.#finished(runId, queue)));
    if (queue.running < this.#limits.perRun) this.#turn.add(runId);
    this.#fill();
  }

  /** Forget what a run has waiting; what runs goes on. */
  drop(runId: string): void {
    const queue = this.#queues.get(runId);
    if (queue === undefined) return;
    queue.waiting.length = 0;
    this.#turn.delete(runId);
    if (queue.running === 0) this.#queues.delete(runId);
  }

  #finished(runId: string, queue: Queue): void {
    this.#running -= 1;
    queue.running -= 1;
    if (queue.waiting.length > 0) this.#turn.add(runId);
    else if (queue.running === 0) this.#queues.delete(runId);
    this.#fill();
  }

  #fill(): void {
    while (this.#running < this.#limits.perWorker) {
      const [runId] = this.#turn;
      if (runId === undefined) return;
      this.#turn.delete(runId);
      const queue = this.#queues.get(runId);
      const next = queue?.waiting.shift();
      if (queue === undefined || next === undefined) continue;
      this.#running += 1;
      queue.running += 1;
      if (queue.waiting.length > 0 && queue.running < this.#limits.perRun) this.#turn.add(runId);
      next();
    }
  }
}
