/** Decisions that the code made and that are not in the log yet: built from the guest's records, matched with the log. */
import { inputDigest, packPayload, unpackPayload } from "@perdure/serde";
import type { DecisionType, EventData, LogEvent, NewDecision } from "@perdure/world";
import type { GuestDecision } from "../realm/guest-port.ts";
import { correlationId, operationKey, tokenHash } from "./correlation-id.ts";

/** One planned decision, with what its event needs; the payload is packed when it is asked for. */
export interface Planned {
  readonly type: DecisionType;
  readonly correlationId: string | null;
  /** What the guest calls the operation. */
  readonly key: string;
  /** In words: `charge #2`, `sleep #1`, `hook #1`, `the end of the run`. */
  readonly label: string;
  readonly cause: number;
  readonly at: number;
  readonly data: EventData[DecisionType];
  readonly text: string | null;
  /** The text depends on the program alone: it holds no stack. */
  readonly isCanonical: boolean;
  readonly blobs: readonly Uint8Array[];
  readonly stack: string | null;
  packed: NewDecision | null;
}

/** What a decision takes from the host, and not from the code: none of it is compared with the log. */
export interface DecisionHost {
  /** Turns the places in a recorded error's stack into the user's files. */
  readonly mapText: (text: string) => string;
  /** Who is to run the bodies of a step. */
  readonly dispatchOf: (stepId: string) => "inline" | "background";
}

/** The host's copy of a decision. */
export function planDecision(runId: string, record: GuestDecision, host: DecisionHost): Planned {
  const blobs = record.blobs.length === 0 ? noBlobs : Array.from(record.blobs, (blob) => new Uint8Array(blob));
  const text = record.text !== null && record.type === "run_failed" ? host.mapText(record.text) : record.text;
  return {
    type: record.type,
    key: record.key,
    correlationId: correlationOf(runId, record),
    label: labelOf(record),
    cause: record.cause,
    at: record.at,
    data: dataOf(record, blobs, host),
    text,
    isCanonical: record.canonicalText === null,
    blobs,
    stack: record.stack,
    packed: null,
  };
}

const noBlobs: readonly Uint8Array[] = Object.freeze([]);

function correlationOf(runId: string, record: GuestDecision): string | null {
  switch (record.type) {
    case "step_created":
      return correlationId(runId, "step", record.stepId ?? "", record.ordinal);
    case "wait_created":
      return correlationId(runId, "wait", "", record.ordinal);
    case "hook_created":
    case "hook_disposed":
      return correlationId(runId, "hook", "", record.ordinal);
    default:
      return null;
  }
}

function labelOf(record: GuestDecision): string {
  switch (record.type) {
    case "step_created":
      return `${record.name} #${record.ordinal}`;
    case "wait_created":
      return `sleep #${record.ordinal}`;
    case "hook_created":
      return `hook #${record.ordinal}`;
    case "hook_disposed":
      return `dispose of hook #${record.ordinal}`;
    default:
      return record.type === "run_completed" ? "the run's result" : "the run's failure";
  }
}

function dataOf(record: GuestDecision, blobs: readonly Uint8Array[], host: DecisionHost): EventData[DecisionType] {
  switch (record.type) {
    case "step_created":
      return {
        stepId: record.stepId ?? "",
        name: record.name ?? "",
        ordinal: record.ordinal,
        inputDigest: inputDigest(record.canonicalText ?? record.text ?? "", blobs),
        shape: record.shape,
        dispatch: host.dispatchOf(record.stepId ?? ""),
        attempt: 1,
      };
    case "wait_created":
      return { ordinal: record.ordinal, durationMs: record.durationMs, resumeAt: record.resumeAt };
    case "hook_created":
      return { ordinal: record.ordinal, tokenHash: tokenHash(record.token ?? "") };
    case "run_failed":
      return { code: record.code ?? "USER_ERROR" };
    default:
      return {};
  }
}

/** The decision as an append takes it. */
export function toNewDecision(planned: Planned): NewDecision {
  planned.packed ??= {
    type: planned.type,
    correlationId: planned.correlationId,
    at: planned.at,
    cause: planned.cause,
    data: planned.data,
    payload: planned.text === null ? null : packPayload({ text: planned.text, blobs: planned.blobs }),
  } as NewDecision;
  return planned.packed;
}

/** What the guest calls the operation that a creation in the log is about; null for other events. */
export function keyOfCreation(event: LogEvent, hookOrdinal: number): string | null {
  switch (event.type) {
    case "step_created":
      return operationKey("step", event.data.stepId, event.data.ordinal);
    case "wait_created":
      return operationKey("wait", "", event.data.ordinal);
    case "hook_created":
    case "hook_conflict":
      return operationKey("hook", "", hookOrdinal);
    default:
      return null;
  }
}

/** How a decision in the log differs from the one that the code made, as a sentence; null when they are the same. */
export function difference(event: LogEvent, planned: Planned): string | null {
  const type = event.type === "hook_conflict" ? "hook_created" : event.type;
  if (type !== planned.type || event.correlationId !== planned.correlationId) return "it is another operation";
  if (event.type !== "hook_conflict" && event.cause !== planned.cause) {
    return `the log says that it followed from position ${event.cause}, and now it follows from position ${planned.cause}`;
  }
  return dataDifference(event, planned);
}

function dataDifference(event: LogEvent, planned: Planned): string | null {
  switch (event.type) {
    case "step_created": {
      const data = planned.data as EventData["step_created"];
      if (event.data.name !== data.name) return "the step has another name";
      return event.data.inputDigest === data.inputDigest ? null : "it is the same step with other arguments";
    }
    case "wait_created": {
      const data = planned.data as EventData["wait_created"];
      const isSame =
        event.data.durationMs === data.durationMs && (data.resumeAt === null || event.data.resumeAt === data.resumeAt);
      return isSame ? null : "it is the same sleep with another length";
    }
    case "hook_created":
    case "hook_conflict": {
      const data = planned.data as EventData["hook_created"];
      return event.data.tokenHash === data.tokenHash ? null : "it is the same hook with another token";
    }
    case "run_failed":
      return event.data.code === (planned.data as EventData["run_failed"]).code ? null : "the run fails in another way";
    case "run_completed":
      return sameResult(event, planned) ? null : "the run has another result";
    default:
      return null;
  }
}

// Results that hold stacks differ from call to call, so only their presence is compared.
function sameResult(event: LogEvent<"run_completed">, planned: Planned): boolean {
  if (!planned.isCanonical || event.payload === null || planned.text === null) return true;
  const recorded = unpackPayload(event.payload);
  return inputDigest(recorded.text, recorded.blobs) === inputDigest(planned.text, planned.blobs);
}
