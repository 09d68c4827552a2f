/** Whether an append can end the claim as well, because nothing of it will have to be done here soon. Pure. */
import type { NewDecision, NewFact } from "@perdure/world";
import { earlier } from "@perdure/world";
import type { OpenWork } from "./open-work.ts";

export interface ReleaseQuestion {
  readonly work: OpenWork;
  readonly facts: readonly NewFact[];
  readonly decisions: readonly NewDecision[];
  /** Estimate of the store's clock. */
  readonly storeNow: number;
  /** A timer that is due within this time keeps the claim. */
  readonly holdMs: number;
}

/** `wakeAt` counts the timers that are known already; the store adds the waits that the append creates. */
export function planRelease(question: ReleaseQuestion): { readonly wakeAt: number | null } | null {
  const { facts, decisions, storeNow, holdMs } = question;
  if (facts.some((fact) => fact.type === "step_started" || fact.type === "step_retrying")) return null;
  if (decisions.some(startsHere)) return null;
  const wakeAt = remainingDue(question.work, facts);
  const soonest = decisions.reduce((due, decision) => earlier(due, newDue(decision, storeNow)), wakeAt);
  return soonest !== null && soonest - storeNow <= holdMs ? null : { wakeAt };
}

/** True of a step whose body the driver is to run. */
const startsHere = (decision: NewDecision): boolean =>
  decision.type === "step_created" && decision.data.dispatch === "inline";

/** The earliest timer that these facts leave open. */
function remainingDue(work: OpenWork, facts: readonly NewFact[]): number | null {
  const settled = new Set(facts.map((fact) => fact.correlationId));
  let due: number | null = null;
  for (const timers of [work.waits, work.retries]) {
    for (const [id, at] of timers) if (!settled.has(id)) due = earlier(due, at);
  }
  return due;
}

function newDue(decision: NewDecision, storeNow: number): number | null {
  if (decision.type !== "wait_created") return null;
  return decision.data.resumeAt ?? storeNow + (decision.data.durationMs ?? 0);
}
