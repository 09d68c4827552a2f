import type { EntityView, RunView } from "./run-view.ts";

/**
 * When a worker has to look at an idle run again, by the store's clock: the earliest open wait or inline retry. Null:
 * only an event from outside can move the run. Timeouts of inline steps run from the start of a body, so they are not
 * counted.
 */
export function nextWake(view: RunView): number | null {
  let earliest: number | null = null;
  for (const [, entity] of view.entities()) {
    const due = dueAt(entity);
    if (due !== null && (earliest === null || due < earliest)) earliest = due;
  }
  return earliest;
}

function dueAt(entity: EntityView): number | null {
  if (entity.kind === "wait") return entity.state === "open" ? entity.resumeAt : null;
  if (entity.kind === "step" && entity.dispatch === "inline" && entity.state === "retrying") return entity.retryAt;
  return null;
}

/** The earlier of two wake-up times, where null means never. */
export function earlier(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}
