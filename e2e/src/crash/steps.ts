/** The steps of the experiment. Each writes to the ledger when its body begins and when it has its result. */
import { setTimeout as pause } from "node:timers/promises";
import { FatalError, getStepMetadata, getWorkflowMetadata, RetryableError } from "perdure";
import { mix } from "./mix.ts";
import { outsider } from "./outsider.ts";

/** Half of what a body takes, in milliseconds. */
const halfMs = 4;

/** Failures before `flaky` succeeds. */
const flakyFailures = 2;

export async function compute(seed: number, label: string): Promise<number> {
  "use step";
  return await witnessed(() => mix(seed, label));
}

export async function flaky(seed: number, label: string): Promise<number> {
  "use step";
  return await witnessed((attempt) => {
    if (attempt <= flakyFailures) throw new RetryableError(`attempt ${attempt}`, { retryAfter: 40 });
    return mix(seed, label);
  });
}

export async function doomed(): Promise<never> {
  "use step";
  return await witnessed(() => {
    throw new FatalError("doomed");
  });
}

async function witnessed<T>(body: (attempt: number) => T): Promise<T> {
  const { stepId, attempt, delivery } = getStepMetadata();
  const entry = { run: getWorkflowMetadata().workflowRunId, step: stepId, attempt, delivery };
  outsider.ledger.write({ kind: "begin", ...entry });
  try {
    await pause(halfMs);
    outsider.faults.reach("in-step-body");
    await pause(halfMs);
    return body(attempt);
  } finally {
    outsider.ledger.write({ kind: "done", ...entry });
    outsider.faults.bodyReturned();
  }
}
