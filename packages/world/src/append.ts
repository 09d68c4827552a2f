import type { LogEvent, NewDecision, NewFact } from "./events.ts";

/** The heart of the contract: what a driver asks the store to write, atomically. */
export interface DriverAppend {
  readonly by: "driver";
  readonly epoch: number;
  /** Counts up within the claim, from 1; (epoch, n) identifies the append when it is sent again. */
  readonly n: number;
  /** Write only if the tail is still this; null: whatever the tail is. */
  readonly ifTail: number | null;
  /** The position up to which the driver holds the log; the reply carries everything after it. */
  readonly after: number;
  readonly facts: readonly NewFact[];
  readonly decisions: readonly NewDecision[];
  /**
   * End the claim with this append, if nobody else wrote since `after`. `wakeAt` is the earliest timer that the driver
   * knows of; the store takes the earlier of it and of the waits that this very append creates.
   */
  readonly release: { readonly wakeAt: number | null } | null;
}

/** One event by somebody who does not hold the claim: a hook payload, a cancellation. */
export interface OutsideAppend {
  readonly by: "outside";
  /** Sending the same key again answers with the event that it wrote the first time. */
  readonly key: string;
  readonly fact: NewFact<"hook_received" | "run_cancelled">;
}

/** What came of one start of a step body. */
export type ResultType = "step_completed" | "step_failed" | "step_retrying";

/**
 * What came of a step, by whoever ran the body and need not hold the claim. It is judged by the state of the step alone,
 * so it is written whatever the tail is and whoever drives.
 */
export interface ExecutorAppend {
  readonly by: "executor";
  /** Sending the same key again answers with the event that it wrote the first time. */
  readonly key: string;
  /** Which start of the step it was. It must still be the current one. */
  readonly attempt: number;
  readonly delivery: number;
  readonly fact: NewFact<ResultType>;
}

/** What `log.append` takes: a driver's batch, one event from outside, or what came of a step. */
export type AppendRequest = DriverAppend | OutsideAppend | ExecutorAppend;

/** Written. `events` is the log after `after`: what was written and, for a driver, everything that it had not seen. */
export interface Appended {
  readonly kind: "appended";
  readonly events: readonly LogEvent[];
  readonly tail: number;
  readonly storeNow: number;
  /** Whether the claim ended, because of `release` or because the run did. */
  readonly released: boolean;
}

/** Not written: the tail is not `ifTail`. `events` is the log after `after`. */
export interface Moved {
  readonly kind: "moved";
  readonly events: readonly LogEvent[];
  readonly tail: number;
  readonly storeNow: number;
}

/** Not written: the claim is no longer this driver's. */
export interface Fenced {
  readonly kind: "fenced";
}

/** Not written: a rule of the state machine forbids it. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
}

/** Which rule an append breaks. */
export type RefusalReason =
  /** The run has ended. */
  | { readonly kind: "terminal" }
  /**
   * The driver holds a claim, or events, of which the store knows nothing: the store was put back to an earlier state.
   * `tail` is where its log ends.
   */
  | { readonly kind: "ahead"; readonly tail: number }
  /** The `at` of a fact goes backwards or strays too far from the store's clock. */
  | { readonly kind: "clock"; readonly storeNow: number }
  /** A wait or a retry is not due yet. `index` counts facts, then decisions, of the request. */
  | { readonly kind: "early"; readonly index: number; readonly storeNow: number }
  /** The step, wait or hook is not in a state that allows the event. */
  | { readonly kind: "entity"; readonly index: number; readonly rule: string };

/** How an append ended; whatever is not `appended` left nothing in the log. */
export type AppendResult = Appended | Moved | Fenced | Refused;
