/** Calling a step from workflow code: one decision and a promise of the step's result. */
import { SerializationError } from "@perdure/errors";
import { encodeValue } from "./encoding.ts";
import { handled, never, workflowContext } from "./orchestrator-context.ts";

/**
 * What the compiler puts in the place of a step's body. The arguments are encoded here and now, so that what the program
 * does to them later changes nothing. Arguments that cannot be stored reject the promise, and nothing is decided then: the
 * step's ordinal stays free.
 */
export function callStep(stepId: string, name: string, shape: string | null, args: ArrayLike<unknown>): unknown {
  const context = workflowContext(name);
  if (context.phase === "closed") return never();
  try {
    const parts = encodeValue(Array.from(args), `the arguments of step ${name}`);
    const ordinal = context.nextOrdinal(`step:${stepId}`);
    const key = `step:${stepId}#${ordinal}`;
    context.decide({ type: "step_created", key, ordinal, stepId, name, shape: shape ?? null, ...parts });
    context.lastOperation = `step ${name} #${ordinal}`;
    return context.wait(key);
  } catch (error) {
    return handled(Promise.reject(withoutStandIn(error)));
  }
}

/** Arguments are refused at the call: the topmost frame, which is the function that stands in for the step, is left out. */
function withoutStandIn(error: unknown): unknown {
  if (SerializationError.is(error) && error.stack !== undefined) error.stack = error.stack.replace(/\n {4}at .*/, "");
  return error;
}
