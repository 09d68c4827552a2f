/** The documented JSON shapes of runs and events: `command-help.ts` describes them. Additions are fine, changes are not. */
import { parkedHint } from "@perdure/errors";
import { eventId, type LogEvent, type RunRecord } from "@perdure/world";

const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** One run, as `runs list --json` prints it. */
export function runJson(run: RunRecord) {
  const { parked } = run;
  return {
    runId: run.runId,
    key: run.key,
    workflow: run.workflowName,
    workflowId: run.workflowId,
    status: run.status,
    parked:
      parked === null
        ? null
        : {
            reason: parked.reason,
            detail: parked.detail,
            position: parked.position,
            since: time(parked.since),
            hint: parkedHint(parked.reason),
          },
    events: run.tail,
    createdAt: time(run.createdAt),
    startedAt: time(run.startedAt),
    endedAt: time(run.endedAt),
  };
}

/** One run with everything that `runs show --json` adds. */
export function runDetailJson(run: RunRecord) {
  const { namespace, bundleId, isolation, parentRunId, rootRunId } = run;
  return { ...runJson(run), namespace, bundleId, isolation, parentRunId, rootRunId, wakeAt: time(run.wakeAt) };
}

/** One event; `value` is the decoded payload as text, and `undefined` leaves the field out. */
export function eventJson(event: LogEvent, what: string, value: string | null | undefined) {
  return {
    position: event.position,
    id: eventId(event.position),
    type: event.type,
    correlationId: event.correlationId,
    what,
    at: time(event.at),
    committedAt: time(event.committedAt),
    data: event.data,
    ...(value === undefined ? {} : { value }),
  };
}
