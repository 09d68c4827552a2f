/** What running a step body came to. Payloads are recorded bytes. */
export type StepOutcome =
  | { readonly kind: "completed"; readonly payload: Uint8Array }
  /** Final: the workflow gets the error. `code` says what kind of failure it was, for people and filters. */
  | { readonly kind: "failed"; readonly payload: Uint8Array; readonly code: StepFailureCode }
  /** To be tried again `delayMs` from now, as the next attempt. */
  | { readonly kind: "retrying"; readonly payload: Uint8Array; readonly delayMs: number }
  /** The step is not registered in this process. */
  | { readonly kind: "unregistered"; readonly detail: string }
  /** The step takes other parameters in this process than those that the call was recorded with. */
  | { readonly kind: "reshaped"; readonly detail: string }
  /** The recorded arguments cannot be read. */
  | { readonly kind: "undecodable"; readonly detail: string };

type StepFailureCode = "FATAL" | "RETRIES_EXHAUSTED" | "SERIALIZATION_FAILED" | "STEP_LOST";

/** Why a run is parked whose step was not started at all. */
export const parkReasons = {
  unregistered: "needs_step",
  reshaped: "shape_changed",
  undecodable: "undecodable",
} as const;

/** An outcome that parks the run. */
export type NotStarted = Extract<StepOutcome, { readonly kind: keyof typeof parkReasons }>;

export const wasNotStarted = (outcome: StepOutcome): outcome is NotStarted => outcome.kind in parkReasons;
