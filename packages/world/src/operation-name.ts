import type { LogEvent } from "./events.ts";

/**
 * The name by which people know an operation of a run, from the event that created it: `charge #2` for the second call of
 * the step `charge`, `sleep #1`, `hook #1`. Null for every other event.
 */
export function operationName(event: LogEvent): string | null {
  switch (event.type) {
    case "step_created":
      return `${event.data.name} #${event.data.ordinal}`;
    case "wait_created":
      return `sleep #${event.data.ordinal}`;
    case "hook_created":
      return `hook #${event.data.ordinal}`;
    default:
      return null;
  }
}
