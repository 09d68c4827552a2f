/**
 * What a run still waits for, kept up to date event by event, so that a turn costs the open work and not the whole
 * log. Owns no decision: it only remembers. Hooks are not here, for nothing has to be done while one is open.
 */
import type { LogEvent } from "@perdure/world";

export class OpenWork {
  /** The calls of the steps that have no result yet, with their recorded arguments. */
  readonly steps = new Map<string, LogEvent<"step_created">>();
  /** `resumeAt` of the open waits. */
  readonly waits = new Map<string, number>();
  /** `retryAt` of the inline steps whose next attempt has not started. Those of background steps are their jobs'. */
  readonly retries = new Map<string, number>();

  /** What step bodies are told about their run. */
  workflow = { name: "", startedAt: 0 };

  apply(event: LogEvent): void {
    const id = event.correlationId;
    if (id === null) {
      if (event.type === "run_created") this.workflow = { name: event.data.workflowName, startedAt: event.at };
      else if (event.type === "run_started") this.workflow = { ...this.workflow, startedAt: event.at };
      return;
    }
    if (event.type === "step_created") this.steps.set(id, event);
    else if (event.type === "step_started") this.retries.delete(id);
    else if (event.type === "step_retrying" && !this.isBackground(id)) this.retries.set(id, event.data.retryAt);
    else if (event.type === "step_completed" || event.type === "step_failed") {
      this.steps.delete(id);
      this.retries.delete(id);
    } else if (event.type === "wait_created" && event.data.resumeAt !== null) this.waits.set(id, event.data.resumeAt);
    else if (event.type === "wait_completed") this.waits.delete(id);
  }

  /** True of an open step whose bodies any worker runs: nothing has to be done about it here. */
  isBackground(correlationId: string): boolean {
    return this.steps.get(correlationId)?.data.dispatch === "background";
  }

  /** The earliest wait or retry that is due after this moment; null when there is none. */
  nextDue(after = Number.NEGATIVE_INFINITY): number | null {
    let earliest = Number.POSITIVE_INFINITY;
    for (const due of this.waits.values()) if (due > after && due < earliest) earliest = due;
    for (const due of this.retries.values()) if (due > after && due < earliest) earliest = due;
    return earliest === Number.POSITIVE_INFINITY ? null : earliest;
  }
}
