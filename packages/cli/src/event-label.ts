/** What each event of a log is about, in words. Pure. */
import { type LogEvent, operationName } from "@perdure/world";

/**
 * A label per event, in the order of the log: `charge #2` for everything about the second call of `charge`, `sleep #1`,
 * `hook #1`; empty for the events of the run itself. Attempts after the first are told.
 */
export function eventLabels(log: readonly LogEvent[]): string[] {
  const names = new Map<string, string>();
  return log.map((event) => {
    const { correlationId } = event;
    if (correlationId === null) return runLabel(event);
    const created = operationName(event);
    if (created !== null) names.set(correlationId, created);
    const name = names.get(correlationId) ?? correlationId;
    return `${name}${attemptOf(event)}`;
  });
}

function runLabel(event: LogEvent): string {
  switch (event.type) {
    case "run_created":
      return event.data.workflowName;
    case "run_failed":
      return event.data.code;
    case "run_cancelled":
      return event.data.reason ?? "";
    default:
      return "";
  }
}

function attemptOf(event: LogEvent): string {
  switch (event.type) {
    case "step_started":
      return ` (attempt ${event.data.attempt}, delivery ${event.data.delivery})`;
    case "step_retrying":
      return ` (attempt ${event.data.attempt} at ${new Date(event.data.retryAt).toISOString()})`;
    case "step_completed":
      return event.data.attempt === 1 ? "" : ` (attempt ${event.data.attempt})`;
    case "step_failed":
      return ` (attempt ${event.data.attempt}, ${event.data.code})`;
    default:
      return "";
  }
}
