/** A run as its log in the store tells it, for a process that looks on. */
import type { World } from "perdure/api";

const eventsPerRead = 1_000;

export class RunLog {
  readonly #world: World;
  readonly #runId: string;
  #position = 0;
  /** Steps that the workflow has asked for so far. */
  stepCount = 0;
  /** Ids of the steps whose result is on record. */
  readonly recorded: Set<string> = new Set();
  /** Whether the workflow has opened its hook. */
  isAsking = false;

  constructor(world: World, runId: string) {
    this.#world = world;
    this.#runId = runId;
  }

  /** Reads what has been added since the last call. */
  async refresh(): Promise<void> {
    for (;;) {
      const events = await this.#world.log.read(this.#runId, { after: this.#position, limit: eventsPerRead });
      for (const { type, position, correlationId } of events) {
        this.#position = position;
        if (type === "step_created") this.stepCount += 1;
        if (type === "step_completed" && correlationId !== null) this.recorded.add(correlationId);
        if (type === "hook_created") this.isAsking = true;
      }
      if (events.length < eventsPerRead) return;
    }
  }
}
