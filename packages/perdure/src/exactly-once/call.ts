/** One call of `once` or `onceIn`: which step it is of, and which of the calls of that step. */

import { getStepExecution, type StepMetadata } from "@perdure/core";
import { InvalidArgumentError } from "@perdure/errors";

/** What tells the rows of the table apart, and what a row has to agree with. */
export interface OnceKey {
  /** The function that was called. */
  readonly caller: string;
  readonly runId: string;
  readonly stepId: string;
  readonly name: string;
  readonly inputDigest: string;
  /** For messages. */
  readonly step: string;
  /** A call of this name has returned in this start of the body: a row that is there is that call's. */
  readonly isRepeated: boolean;
}

const defaultName = "";
const nameLengthMax = 200;

/** Of each start of a body, the names that its calls have. */
const namesInUse = new WeakMap<StepMetadata, Map<string, "running" | "returned">>();

/**
 * Runs a call under its name. Two calls of one name in one start of the body cannot be told apart, and the second would be given
 * the result of the first. So it is refused while the first one runs, and afterwards if the row is there: a transaction of the
 * caller's that was rolled back may be begun again.
 */
export async function underName<T>(
  caller: string,
  name: string = defaultName,
  run: (key: OnceKey) => Promise<T>,
): Promise<T> {
  const { runId, inputDigest, step } = getStepExecution(caller);
  checkName(caller, name);
  const names = namesInUse.get(step) ?? new Map<string, "running" | "returned">();
  namesInUse.set(step, names);
  const before = names.get(name);
  const isRepeated = before === "returned";
  const key = { caller, runId, stepId: step.stepId, name, inputDigest, step: step.stepName, isRepeated };
  if (before === "running") throw nameUsedError(key);
  names.set(name, "running");
  let hasReturned = isRepeated;
  try {
    const result = await run(key);
    hasReturned = true;
    return result;
  } finally {
    if (hasReturned) names.set(name, "returned");
    else names.delete(name);
  }
}

function checkName(caller: string, name: string): void {
  if (name.length <= nameLengthMax && !name.includes("\0") && name.isWellFormed()) return;
  const expected = `a text of at most ${nameLengthMax} characters, without NUL`;
  throw new InvalidArgumentError(`${caller}(): "name"`, expected, `one of ${name.length} characters`);
}

/** Two calls of one name. Not fatal: of a commit that was not answered, the next attempt finds the result. */
export function nameUsedError({ caller, name, runId, step }: OnceKey): InvalidArgumentError {
  const found = name === defaultName ? "left out in two" : `${JSON.stringify(name)} in two`;
  return new InvalidArgumentError(`${caller}(): "name"`, "different for each call of a step", found, {
    where: { runId, step },
    hint: 'Give each call a name, the same in every attempt: { name: "ledger" }.',
  });
}
