/**
 * Which step bodies run now. A worker runs at most `perWorker` bodies at once, at most `perRun` of one run, and of a queue
 * at most what is said of it. Whoever waits takes turns: the queues with each other, and the runs of a queue. So neither a
 * run with ten thousand ready steps nor a queue that is full starves anybody.
 */
export interface SlotLimits {
  readonly perWorker: number;
  readonly perRun: number;
  /** Bodies of a queue that run at once. Steps of queues that are not named here are limited as those of none. */
  readonly perQueue: Readonly<Record<string, number>>;
}

interface Queue {
  readonly max: number;
  running: number;
  /** Lanes whose run has a slot of its own free, in turn. */
  readonly turn: Set<Lane>;
}

/** What a run has waiting in a queue. */
interface Lane {
  readonly run: RunSlots;
  readonly queue: Queue;
  readonly waiting: (() => void)[];
}

interface RunSlots {
  running: number;
  readonly lanes: Map<Queue, Lane>;
}

export class StepSlots {
  readonly #limits: SlotLimits;
  readonly #unnamed: Queue = { max: Number.POSITIVE_INFINITY, running: 0, turn: new Set() };
  readonly #named: ReadonlyMap<string, Queue>;
  /** The queues in turn. */
  readonly #queues: Queue[];
  readonly #runs = new Map<string, RunSlots>();
  #running = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
    this.#named = new Map(
      Object.entries(limits.perQueue).map(([name, max]) => [name, { max, running: 0, turn: new Set() }]),
    );
    this.#queues = [this.#unnamed, ...this.#named.values()];
  }

  /** Bodies that could start at once if they came now: of a queue, or (null) of none. */
  freeCount(name: string | null): number {
    const queue = this.#queueOf(name);
    return Math.min(this.#limits.perWorker - this.#running, queue.max - queue.running);
  }

  /** The queue, if it is one that has a limit of its own. */
  limited(name: string | null): string | null {
    return name !== null && this.#named.has(name) ? name : null;
  }

  #queueOf(name: string | null): Queue {
    return (name === null ? undefined : this.#named.get(name)) ?? this.#unnamed;
  }

  get runningCount(): number {
    return this.#running;
  }

  /** Starts the body when a slot is free. The body calls `done` exactly once. */
  submit(step: { readonly runId: string; readonly queue: string | null }, body: (done: () => void) => void): void {
    const run = this.#runs.get(step.runId) ?? { running: 0, lanes: new Map() };
    this.#runs.set(step.runId, run);
    const queue = this.#queueOf(step.queue);
    const lane = run.lanes.get(queue) ?? { run, queue, waiting: [] };
    run.lanes.set(queue, lane);
    lane.waiting.push(() => body(() => this.#finished(step.runId, lane)));
    if (run.running < this.#limits.perRun) queue.turn.add(lane);
    this.#fill();
  }

  /** Forget what a run has waiting; what runs goes on. */
  drop(runId: string): void {
    const run = this.#runs.get(runId);
    if (run === undefined) return;
    for (const lane of run.lanes.values()) {
      lane.waiting.length = 0;
      lane.queue.turn.delete(lane);
    }
    if (run.running === 0) this.#runs.delete(runId);
  }

  #finished(runId: string, { run, queue }: Lane): void {
    this.#running -= 1;
    queue.running -= 1;
    run.running -= 1;
    const waiting = [...run.lanes.values()].filter((lane) => lane.waiting.length > 0);
    for (const lane of waiting) lane.queue.turn.add(lane);
    if (waiting.length === 0 && run.running === 0) this.#runs.delete(runId);
    this.#fill();
  }

  #fill(): void {
    while (this.#running < this.#limits.perWorker) {
      const lane = this.#nextLane();
      if (lane === null) return;
      this.#begin(lane);
    }
  }

  /** The lane whose turn it is. Its queue is the last one to come again. */
  #nextLane(): Lane | null {
    const index = this.#queues.findIndex(({ running, max, turn }) => running < max && turn.size > 0);
    const [queue] = index < 0 ? [] : this.#queues.splice(index, 1);
    if (queue === undefined) return null;
    this.#queues.push(queue);
    const [lane] = queue.turn;
    return lane ?? null;
  }

  #begin(lane: Lane): void {
    const { run, queue, waiting } = lane;
    const next = waiting.shift();
    this.#running += 1;
    queue.running += 1;
    run.running += 1;
    // It comes again after all the others; a run without a free slot of its own does not.
    queue.turn.delete(lane);
    if (run.running >= this.#limits.perRun) for (const other of run.lanes.values()) other.queue.turn.delete(other);
    else if (waiting.length > 0) queue.turn.add(lane);
    next?.();
  }
}
