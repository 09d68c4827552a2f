/**
 * What the rules need to know about a run: a fold of its log. Pure data and pure transitions; payloads are not kept.
 *
 * A view can be forked: a fork sees its parent and keeps its own changes, until `absorb` merges them or it is dropped.
 * So a store can admit an append against a fork, write, and only then let the change become true.
 */
import { assertNever, invariant, UnknownEventError } from "@perdure/errors";
import { type EntityKind, isFactType, isKnownEventType, type LogEvent } from "./events.ts";
import type { RunRecord, RunStatus } from "./run-record.ts";

/** A step call as far as the log has come. */
export interface StepView {
  readonly kind: "step";
  readonly stepId: string;
  readonly name: string;
  readonly ordinal: number;
  readonly dispatch: "inline" | "background";
  /** `open`: an attempt may run; `retrying`: the next attempt waits for `retryAt`, or runs; `done`: has its result. */
  readonly state: "open" | "retrying" | "done";
  readonly attempt: number;
  /** Of a background step always 1: its deliveries are counted by its job. */
  readonly delivery: number;
  /** The epoch that may run the body: that of the latest created, retrying or started event that a driver wrote. */
  readonly epoch: number;
  /** When the next attempt may start; null once a claim has started it by `step_started`. */
  readonly retryAt: number | null;
  /** Position of its `step_created`. */
  readonly position: number;
}

/** A durable sleep as far as the log has come. */
export interface WaitView {
  readonly kind: "wait";
  readonly state: "open" | "done";
  readonly resumeAt: number;
  readonly position: number;
}

/** A hook as far as the log has come. */
export interface HookView {
  readonly kind: "hook";
  readonly state: "open" | "conflict" | "disposed";
  readonly tokenHash: string;
  /** Payloads received so far. */
  readonly received: number;
  readonly position: number;
}

/** Whatever has a correlation id in the log. */
export type EntityView = StepView | WaitView | HookView;

/** The fold of one run's log. */
export class RunView {
  tail = 0;
  /** `at` of the newest fact. */
  lastAt = 0;
  /** Position of the newest fact. */
  lastFact = 0;
  status: RunStatus = "pending";
  /** False only when the log is known to hold no hook, so that no token has to be freed when the run ends. */
  mayHoldTokens = false;
  /** False only when the log is known to hold no background step, so that no job has to be dropped when the run ends. */
  mayHaveJobs = false;
  readonly #parent: RunView | null;
  readonly #entities = new Map<string, EntityView>();

  private constructor(parent: RunView | null) {
    this.#parent = parent;
  }

  static empty(): RunView {
    return new RunView(null);
  }

  /**
   * A view that knows the run's row and some entities: enough to admit outside facts about those, without a fold of the
   * whole log. `events` are the entities' own, in order.
   */
  static ofEntity(run: Pick<RunRecord, "runId" | "tail" | "lastAt" | "status">, events: Iterable<LogEvent>): RunView {
    const view = new RunView(null);
    for (const event of events) {
      if (!isKnownEventType(event.type)) throw new UnknownEventError(run.runId, event.position, event.type);
      view.#applyEntityEvent(event);
    }
    view.tail = run.tail;
    view.lastAt = run.lastAt;
    view.status = run.status;
    view.mayHoldTokens = true;
    view.mayHaveJobs = true;
    return view;
  }

  entity(correlationId: string): EntityView | undefined {
    return this.#entities.get(correlationId) ?? this.#parent?.entity(correlationId);
  }

  /** The entity if it is of this kind. */
  entityOf<K extends EntityKind>(kind: K, correlationId: string | null): Extract<EntityView, { kind: K }> | undefined {
    if (correlationId === null) return undefined;
    const found = this.entity(correlationId);
    return found?.kind === kind ? (found as Extract<EntityView, { kind: K }>) : undefined;
  }

  /** Every entity with its correlation id, in order of creation. */
  *entities(): Generator<readonly [string, EntityView]> {
    invariant(this.#parent === null, "a fork is not listed");
    yield* this.#entities;
  }

  fork(): RunView {
    const fork = new RunView(this);
    fork.tail = this.tail;
    fork.lastAt = this.lastAt;
    fork.lastFact = this.lastFact;
    fork.status = this.status;
    fork.mayHoldTokens = this.mayHoldTokens;
    fork.mayHaveJobs = this.mayHaveJobs;
    return fork;
  }

  /** Make a fork's changes this view's own. */
  absorb(fork: RunView): void {
    invariant(fork.#parent === this, "only a view's own fork can be absorbed");
    this.tail = fork.tail;
    this.lastAt = fork.lastAt;
    this.lastFact = fork.lastFact;
    this.status = fork.status;
    this.mayHoldTokens = fork.mayHoldTokens;
    this.mayHaveJobs = fork.mayHaveJobs;
    for (const [id, entity] of fork.#entities) this.#entities.set(id, entity);
  }

  /** Move over one event. The event must be the next one, and of a known type (else `UnknownEventError`). */
  apply(event: LogEvent, runId = ""): void {
    invariant(event.position === this.tail + 1, `position ${event.position} does not follow tail ${this.tail}`);
    if (!isKnownEventType(event.type)) throw new UnknownEventError(runId, event.position, event.type);
    this.tail = event.position;
    if (isFactType(event.type)) {
      this.lastAt = event.at;
      this.lastFact = event.position;
    }
    this.#applyRunEvent(event);
    this.#applyEntityEvent(event);
  }

  #applyEntityEvent(event: LogEvent): void {
    const next = nextEntity(event, event.correlationId === null ? undefined : this.entity(event.correlationId));
    if (next !== undefined && event.correlationId !== null) this.#entities.set(event.correlationId, next);
  }

  #applyRunEvent(event: LogEvent): void {
    if (event.type === "run_started") this.status = "running";
    else if (event.type === "run_completed") this.status = "completed";
    else if (event.type === "run_failed") this.status = "failed";
    else if (event.type === "run_cancelled") this.status = "cancelled";
    else if (event.type === "hook_created") this.mayHoldTokens = true;
    else if (event.type === "step_created" && event.data.dispatch === "background") this.mayHaveJobs = true;
  }
}

/** The fold of a whole log, or of the rest of one. */
export function fold(events: Iterable<LogEvent>, view: RunView = RunView.empty(), runId = ""): RunView {
  for (const event of events) view.apply(event, runId);
  return view;
}

function nextEntity(event: LogEvent, entity: EntityView | undefined): EntityView | undefined {
  switch (event.type) {
    case "run_created":
    case "run_started":
    case "run_completed":
    case "run_failed":
    case "run_cancelled":
      return undefined;
    case "step_created":
      return createdStep(event);
    case "step_started":
      return { ...step(entity, event), delivery: event.data.delivery, epoch: epochOf(event), retryAt: null };
    case "step_retrying": {
      const { attempt, retryAt } = event.data;
      const before = step(entity, event);
      const epoch = event.epoch ?? before.epoch;
      return { ...before, state: "retrying", attempt, delivery: 1, epoch, retryAt };
    }
    case "step_completed":
    case "step_failed":
      return { ...step(entity, event), state: "done", retryAt: null };
    case "wait_created":
      invariant(event.data.resumeAt !== null, "a recorded wait has its moment");
      return { kind: "wait", state: "open", resumeAt: event.data.resumeAt, position: event.position };
    case "wait_completed":
      invariant(entity?.kind === "wait", `position ${event.position} completes a wait that was never created`);
      return { ...entity, state: "done" };
    case "hook_created":
    case "hook_conflict": {
      const state = event.type === "hook_created" ? "open" : "conflict";
      return { kind: "hook", state, tokenHash: event.data.tokenHash, received: 0, position: event.position };
    }
    case "hook_received":
      return { ...hook(entity, event), received: event.data.ordinal };
    case "hook_disposed":
      return { ...hook(entity, event), state: "disposed" };
    default:
      return assertNever(event, "event type");
  }
}

function createdStep(event: LogEvent<"step_created">): StepView {
  const { stepId, name, ordinal, dispatch } = event.data;
  const epoch = epochOf(event);
  return {
    kind: "step",
    stepId,
    name,
    ordinal,
    dispatch,
    state: "open",
    attempt: 1,
    delivery: 1,
    epoch,
    retryAt: null,
    position: event.position,
  };
}

function step(entity: EntityView | undefined, event: LogEvent): StepView {
  invariant(entity?.kind === "step", `position ${event.position} (${event.type}) names a step that was never created`);
  return entity;
}

function hook(entity: EntityView | undefined, event: LogEvent): HookView {
  invariant(entity?.kind === "hook", `position ${event.position} (${event.type}) names a hook that was never created`);
  return entity;
}

function epochOf(event: LogEvent): number {
  invariant(event.epoch !== null, `position ${event.position} (${event.type}) was not written by a driver`);
  return event.epoch;
}
