/** The facts that a driver has at hand when it takes a turn. Pure. */
import { InvariantError } from "@perdure/errors";
import type { LogEvent, RunView, StepView } from "@perdure/world";
import type { SpeculativeFact, StepFinished } from "./machine-io.ts";
import type { OpenWork } from "./open-work.ts";
import { deliveriesMax } from "./retry-policy.ts";

/** A fact without the clock and the position that the turn will give it. */
export type FactAtHand = Omit<SpeculativeFact, "at" | "position">;

export interface FactSources {
  readonly view: RunView;
  readonly work: OpenWork;
  readonly epoch: number;
  /** Estimate of the store's clock. */
  readonly storeNow: number;
  /** Results of bodies that finished and are not in the log yet, in the order in which they finished. */
  readonly results: ReadonlyMap<string, StepFinished>;
  /** Open steps whose current attempt belongs to an earlier claim. */
  readonly orphans: ReadonlySet<string>;
  /** How many more bodies may run. */
  readonly freeSlots: number;
  /** The recorded form of `StepLostError` for a step that was lost this many times. */
  readonly encodeLostError: (call: LogEvent<"step_created">, deliveries: number) => Uint8Array;
}

/** All of them, at most `max`, in the order in which they are written and delivered. */
export function factsAtHand(sources: FactSources, max: number): readonly FactAtHand[] {
  const facts: FactAtHand[] = [];
  if (sources.view.status === "pending") facts.push(runFact());
  for (const finished of sources.results.values()) facts.push(resultFact(finished, sources.storeNow));
  for (const [id, resumeAt] of sources.work.waits) {
    if (resumeAt <= sources.storeNow) facts.push(fact("wait_completed", id, {}, null));
  }
  facts.push(...restarts(sources));
  return facts.length > max ? facts.slice(0, max) : facts;
}

const runFact = (): FactAtHand => fact("run_started", null, {}, null);

function fact(
  type: SpeculativeFact["type"],
  correlationId: string | null,
  data: LogEvent["data"],
  payload: Uint8Array | null,
): FactAtHand {
  return { type, correlationId, data, payload };
}

/** The fact that a finished body becomes. */
export function resultFact(finished: StepFinished, storeNow: number): FactAtHand {
  const { correlationId, attempt, delivery, outcome } = finished;
  switch (outcome.kind) {
    case "completed":
      return fact("step_completed", correlationId, { attempt, delivery }, outcome.payload);
    case "failed":
      return fact("step_failed", correlationId, { attempt, delivery, code: outcome.code }, outcome.payload);
    case "retrying": {
      const next = { attempt: attempt + 1, retryAt: storeNow + outcome.delayMs };
      return fact("step_retrying", correlationId, next, outcome.payload);
    }
    case "unregistered":
    case "reshaped":
    case "undecodable":
      throw new InvariantError(`a body that is ${outcome.kind} has no fact`);
  }
}

/**
 * Rule 9: what an earlier claim left open is started again under this one, as a new delivery of the same attempt. Only as
 * many as can run at once: a step that waits for its turn was not started, and is not counted as lost with its worker.
 */
function restarts(sources: FactSources): FactAtHand[] {
  const facts: FactAtHand[] = [];
  let free = sources.freeSlots;
  for (const id of sources.orphans) {
    if (free <= 0) break;
    const step = sources.view.entityOf("step", id);
    if (step === undefined || (step.retryAt !== null && step.retryAt > sources.storeNow)) continue;
    free -= 1;
    facts.push(...restart(id, step, sources));
  }
  return facts;
}

function restart(id: string, step: StepView, sources: FactSources): readonly FactAtHand[] {
  const { attempt } = step;
  const delivery = step.delivery + 1;
  const started = fact("step_started", id, { attempt, delivery }, null);
  const call = sources.work.steps.get(id);
  if (delivery <= deliveriesMax || call === undefined) return [started];
  const lost = sources.encodeLostError(call, step.delivery);
  return [started, fact("step_failed", id, { attempt, delivery, code: "STEP_LOST" }, lost)];
}
