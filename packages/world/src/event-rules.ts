/**
 * The rules of each event: given the fold of the log before it, may it stand next? Pure.
 *
 * The answer is null (it may), `early` (a wait or a retry is not due), or a sentence that names the rule it breaks.
 */
import { assertNever } from "@perdure/errors";
import { type EntityKind, isDecisionType, type NewDecision, type NewFact, type WaitCreatedData } from "./events.ts";
import { isEnded } from "./run-record.ts";
import type { RunView, StepView, WaitView } from "./run-view.ts";

/** `early`, or the rule that is broken, in words. */
export type EventRule = "early" | (string & {});

export interface RuleContext {
  readonly at: number;
  readonly storeNow: number;
  /** Epoch of the driver that writes; null for everybody else. */
  readonly epoch: number | null;
  /** The start of a step that an executor reports on; null for everybody else. */
  readonly start: StepStart | null;
  /** The start at which the job of that step is at work; null: it has none that is. */
  readonly job: StepStart | null;
}

/** One start of a step body. */
export interface StepStart {
  readonly attempt: number;
  readonly delivery: number;
}

type NewEvent = NewFact | NewDecision;

export function refuseEvent(view: RunView, event: NewEvent, context: RuleContext): EventRule | null {
  if (isEnded(view.status)) return "nothing follows a terminal event";
  return (
    refuseWriter(event, context) ?? refuseId(event) ?? refuseCause(view, event) ?? refuseState(view, event, context)
  );
}

/** Executors bring results, outside writers hook payloads and cancellations; creation comes first; all else is the driver's. */
function refuseWriter(event: NewEvent, context: RuleContext): EventRule | null {
  if (context.start !== null) return isResult(event) ? null : `no executor appends ${event.type}`;
  const outside = context.epoch === null;
  if (event.type === "run_created") return null;
  if (event.type === "run_cancelled" || event.type === "hook_received") {
    return outside ? null : `only an outside writer appends ${event.type}`;
  }
  if (event.type === "hook_conflict") return "only the store writes hook_conflict";
  return outside ? `only the driver appends ${event.type}` : null;
}

const isResult = ({ type }: NewEvent): boolean =>
  type === "step_completed" || type === "step_failed" || type === "step_retrying";

const kindOf = (type: string): EntityKind | "run" => type.slice(0, type.indexOf("_")) as EntityKind | "run";

function refuseId(event: NewEvent): EventRule | null {
  const kind = kindOf(event.type);
  if (kind === "run") return event.correlationId === null ? null : `${event.type} carries no correlation id`;
  const fits = event.correlationId?.startsWith(`${kind}_`) ?? false;
  return fits ? null : `${event.type} carries a correlation id that starts with ${kind}_`;
}

/** Rule 3: a decision names the fact that caused it, and copies that fact's clock. */
function refuseCause(view: RunView, event: NewEvent): EventRule | null {
  if (!isDecisionType(event.type)) return null;
  const { cause, at } = event as NewDecision;
  if (!Number.isSafeInteger(cause) || cause < 1 || cause > view.lastFact) {
    return "a decision names the fact that caused it";
  }
  const copied = cause === view.lastFact ? at === view.lastAt : at <= view.lastAt;
  return copied ? null : "a decision copies the clock of the fact that caused it";
}

function refuseState(view: RunView, event: NewEvent, context: RuleContext): EventRule | null {
  switch (event.type) {
    case "run_created":
    case "run_started":
    case "run_cancelled":
    case "run_completed":
    case "run_failed":
      return refuseRunEvent(view, event.type);
    case "step_created":
    case "wait_created":
    case "hook_created":
      return refuseCreation(view, event);
    case "step_started":
    case "step_completed":
    case "step_failed":
    case "step_retrying":
      return refuseStep(view.entityOf("step", event.correlationId), event, context);
    case "wait_completed":
      return refuseWaitEnd(view.entityOf("wait", event.correlationId), context);
    case "hook_received":
      return hookState(view, event) === "open" ? null : "only an open hook receives payloads";
    case "hook_disposed": {
      // The code that disposes of a hook cannot know yet that the store wrote a conflict in its place (R3).
      const state = hookState(view, event);
      return state === "open" || state === "conflict" ? null : "only a hook that was created and not disposed of";
    }
    case "hook_conflict":
      return null;
    default:
      return assertNever(event, "event type");
  }
}

const hookState = (view: RunView, event: NewEvent) => view.entityOf("hook", event.correlationId)?.state;

type RunEventType = "run_created" | "run_started" | "run_cancelled" | "run_completed" | "run_failed";

function refuseRunEvent(view: RunView, type: RunEventType): EventRule | null {
  if (type === "run_created") return view.tail === 0 ? null : "run_created is the first event";
  if (type === "run_started") return view.tail > 0 && view.status === "pending" ? null : "a run starts once";
  if (type === "run_cancelled") return view.tail > 0 ? null : "the run was never created";
  return view.status === "running" ? null : "only a started run ends";
}

function refuseWaitEnd(wait: WaitView | undefined, context: RuleContext): EventRule | null {
  if (wait?.state !== "open") return "only an open wait completes";
  return context.storeNow < wait.resumeAt || context.at < wait.resumeAt ? "early" : null;
}

type Creation = Extract<NewDecision, { readonly type: "step_created" | "wait_created" | "hook_created" }>;

function refuseCreation(view: RunView, event: Creation): EventRule | null {
  if (view.status !== "running") return "the run has not started";
  if (event.correlationId !== null && view.entity(event.correlationId) !== undefined) {
    return `${event.correlationId} exists already`;
  }
  return event.type === "wait_created" ? refuseWait(event.data) : null;
}

function refuseWait({ durationMs, resumeAt }: WaitCreatedData): EventRule | null {
  if (durationMs === null && resumeAt === null) return "a wait has a duration or a moment";
  if (durationMs !== null && !(Number.isFinite(durationMs) && durationMs >= 0)) return "a duration is 0 ms or more";
  return resumeAt === null || Number.isFinite(resumeAt) ? null : "a moment is a number of milliseconds";
}

type StepFact = Extract<
  NewFact,
  { readonly type: "step_started" | "step_completed" | "step_failed" | "step_retrying" }
>;

/**
 * Rule 9: an inline body runs, and reports, only in the epoch that wrote its latest created / retrying / started. What an
 * executor reports is held against the step's current start instead. The starts of a background step are its job's, and
 * no driver has a part in them.
 */
function refuseStep(step: StepView | undefined, event: StepFact, context: RuleContext): EventRule | null {
  if (step === undefined) return `${event.type} names no step of this run`;
  if (step.state === "done") return "the step has its result";
  const isBackground = step.dispatch === "background";
  if (context.start === null && isBackground) return "only an executor reports on a background step";
  if (event.type === "step_started") return refuseStart(step, event.data, context);
  const current = isBackground ? context.job : step;
  if (context.start === null) {
    if (step.epoch !== context.epoch) return "another claim owns this attempt";
  } else if (!isSameStart(current, context.start)) return otherStart;
  if (event.type === "step_retrying") {
    return event.data.attempt === step.attempt + 1 ? null : "attempts count up by one";
  }
  return isSameStart(current, event.data) ? null : otherStart;
}

const otherStart: EventRule = "the result is of another attempt or delivery";

const isSameStart = (current: StepStart | null, { attempt, delivery }: StepStart): boolean =>
  attempt === current?.attempt && delivery === current.delivery;

function refuseStart(
  step: StepView,
  data: { readonly attempt: number; readonly delivery: number },
  context: RuleContext,
): EventRule | null {
  if (step.epoch === context.epoch) return "this claim owns the attempt already";
  if (data.attempt !== step.attempt || data.delivery !== step.delivery + 1) return "deliveries count up by one";
  return step.retryAt !== null && context.storeNow < step.retryAt ? "early" : null;
}
