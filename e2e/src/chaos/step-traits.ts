/** What the steps of generated programs do here beside giving their answers, by the name of their body. */
import { type BodyName, bodyOf, ownMaxRetriesOf } from "perdure-sim/step-bodies";

/** Any worker runs them. */
const backgroundBodies: ReadonlySet<BodyName> = new Set(["slow", "flaky", "later", "rich"]);
/** They write to streams; some inline, some in the background, some that fail before they succeed. */
const writingBodies: ReadonlySet<BodyName> = new Set(["work", "slow", "flaky", "twice", "later"]);

/** The properties that the step's function has. */
export function traitsOf(stepName: string): { readonly maxRetries?: number; readonly dispatch?: "background" } {
  const maxRetries = ownMaxRetriesOf(stepName);
  return {
    ...(maxRetries === undefined ? {} : { maxRetries }),
    ...(backgroundBodies.has(bodyOf(stepName)) ? { dispatch: "background" } : {}),
  };
}

export const writesStreams = (stepName: string): boolean => writingBodies.has(bodyOf(stepName));
