/** A run that is started by a worker: its first turn is taken before it exists in the store. Pure. */
import type { CreateRequest, LogEvent, NewDecision } from "@perdure/world";

/** What a start knows before the first turn. */
export interface EagerRequest {
  readonly created: CreateRequest["created"];
  readonly input: Uint8Array;
  readonly namespace: string;
}

/** The creation as the execution sees it before the store has written it: same data, clock as estimated. */
export function provisionalCreation(request: EagerRequest, at: number): LogEvent<"run_created"> {
  return {
    type: "run_created",
    position: 1,
    correlationId: null,
    at,
    committedAt: at,
    cause: null,
    epoch: 1,
    key: null,
    data: { ...request.created, namespace: request.namespace },
    payload: request.input,
  };
}

/** One call that creates the run, claims it and records its first turn. */
export function eagerCreateRequest(
  request: EagerRequest,
  turn: {
    readonly runId: string;
    readonly worker: string;
    readonly at: number;
    readonly decisions: readonly NewDecision[];
    readonly release: { readonly wakeAt: number | null } | null;
  },
): CreateRequest {
  const { at, worker, decisions, release } = turn;
  const started = { type: "run_started" as const, correlationId: null, at, data: {}, payload: null };
  return {
    runId: turn.runId,
    created: request.created,
    input: request.input,
    eager: { worker, facts: [started], decisions, release },
  };
}
