/** The report of a divergence: the log and the code do not ask for the same thing. Pure text. */
import { type LogEvent, operationName, type ParkReason } from "@perdure/world";
import type { Planned } from "./planned-decision.ts";

/** One side of a divergence. */
interface OperationReport {
  /** Type of the event. */
  readonly type: string;
  /** In words: `charge #2`, `sleep #1`, `hook #1`. */
  readonly label: string;
  readonly correlationId: string | null;
  readonly inputDigest: string | null;
}

/** Why an execution cannot go on. The run is parked with it, never failed. */
export interface ExecutionFault {
  readonly reason: Extract<ParkReason, "diverged" | "undecodable" | "unknown_event" | "runaway">;
  /** What was found, in sentences. */
  readonly detail: string;
  /** Position in the log that it is about. */
  readonly position: number | null;
  /** What the log holds, of a divergence. */
  readonly expected?: OperationReport;
  /** What the code asked for instead; null when it asked for nothing. */
  readonly found?: OperationReport | null;
  /** Where the code asked for it, `file:line:column`; known when the execution was traced. */
  readonly source?: string | null;
  /** A signal from outside ended the call, which may have been well within its limit. */
  readonly interrupted?: boolean;
}

/** The decision at this position is not the one that the code made; `planned` is null when it made none. */
export function divergence(
  event: LogEvent,
  planned: Planned | null,
  difference: string,
  source: string | null,
): ExecutionFault {
  const expected = reportOfEvent(event);
  const found = planned === null ? null : reportOfPlanned(planned);
  const isSameOperation = found?.correlationId === expected.correlationId;
  const digests = isSameOperation && found !== null && expected.inputDigest !== found.inputDigest;
  const describe = (side: OperationReport): string =>
    digests ? `${side.label}, arguments with the digest ${side.inputDigest}` : side.label;
  const place = source === null ? "" : `, asked for at ${source}`;
  const detail = [
    `The code no longer does what the log holds: ${difference}.`,
    `  expected: ${describe(expected)}, at position ${event.position} of the log`,
    `  found:    ${found === null ? "the code asked for nothing more" : `${describe(found)}${place}`}`,
    `  cause:    ${isSameOperation ? valueCause : branchCause}`,
  ];
  return { reason: "diverged", detail: detail.join("\n"), position: event.position, expected, found, source };
}

const reasons =
  "something that a replay does not repeat (another version of Node, a caught stack overflow), or the log was altered.";
const valueCause = `Likely the value depends on ${reasons}`;
const branchCause = `Likely the code branches on ${reasons}`;

function reportOfPlanned(planned: Planned): OperationReport {
  const digest = "inputDigest" in planned.data ? planned.data.inputDigest : null;
  return { type: planned.type, label: planned.label, correlationId: planned.correlationId, inputDigest: digest };
}

function reportOfEvent(event: LogEvent): OperationReport {
  const digest = event.type === "step_created" ? event.data.inputDigest : null;
  return { type: event.type, label: labelOfEvent(event), correlationId: event.correlationId, inputDigest: digest };
}

function labelOfEvent(event: LogEvent): string {
  switch (event.type) {
    case "hook_conflict":
      return "the conflict of a hook";
    case "hook_disposed":
      return "the disposal of a hook";
    case "run_completed":
      return "the run's result";
    case "run_failed":
      return "the run's failure";
    default:
      return operationName(event) ?? event.type;
  }
}
