/** What goes into a run machine and what comes out of it. Data only. */
import type {
  AppendResult,
  CreateRequest,
  CreateResult,
  DriverAppend,
  LogEvent,
  NewDecision,
  NewParked,
  ParkReason,
  ReleaseRequest,
  RunView,
} from "@perdure/world";
import type { StepOutcome } from "./step-outcome.ts";

/** One line that workflow code wrote to its console. */
export interface ConsoleLine {
  readonly level: "debug" | "log" | "info" | "warn" | "error";
  readonly text: string;
  /** It belongs to a delivery that the log held already: it was printed before. */
  readonly replayed: boolean;
}

/** Why an execution cannot go on; the run is parked, never failed. */
export interface Fault {
  readonly reason: ParkReason;
  readonly detail: string;
  readonly position: number | null;
  /** A signal from outside ended the call, which may have been well within its limit: it is simply taken again. */
  readonly interrupted?: boolean;
}

/** A fact that the driver delivers before it is in the log, at the position that it will have. */
export interface SpeculativeFact {
  readonly type: "run_started" | "step_started" | "step_completed" | "step_failed" | "step_retrying" | "wait_completed";
  readonly correlationId: string | null;
  readonly at: number;
  readonly position: number;
  readonly data: LogEvent["data"];
  readonly payload: Uint8Array | null;
}

/** The few things that a run machine asks of an execution. */
export interface RunExecution {
  /** Position of the last log event that it has consumed. */
  readonly consumed: number;
  /** The fold of the consumed log. */
  readonly view: RunView;
  /** Its realm was stopped under it, by another execution: it has to be rebuilt from the log. */
  readonly dead: boolean;
  /** Deliver facts and match decisions, in log order; what was delivered speculatively is recognised. */
  consume(events: readonly LogEvent[]): Fault | null;
  deliver(facts: readonly SpeculativeFact[]): Fault | null;
  /** Decisions that were made and are not in the log yet, in order. */
  planned(): readonly NewDecision[];
  takeConsole(): readonly ConsoleLine[];
  dispose(): void;
}

/** How an execution is opened. */
export interface OpenOptions {
  /** In a fresh realm, with a longer time limit: a turn of this run was stopped before. */
  readonly alone: boolean;
  /** With the source line of every operation, which costs time: the run has diverged, and the report is to name it. */
  readonly trace: boolean;
}

/** Opens an execution at position 1. */
export type OpenExecution = (created: LogEvent<"run_created">, options: OpenOptions) => RunExecution;

export type MachineInput =
  | { readonly kind: "created"; readonly result: CreateResult }
  | { readonly kind: "read"; readonly events: readonly LogEvent[]; readonly complete: boolean }
  | { readonly kind: "appended"; readonly result: AppendResult }
  /** The store may or may not have written the append or the creation. */
  | { readonly kind: "unknownResult" }
  | { readonly kind: "stepFinished"; readonly finished: StepFinished }
  /** The facts that became ready together are at hand: take a turn. */
  | { readonly kind: "turn" }
  | { readonly kind: "timerDue" }
  /** Somebody else has written to the log. */
  | { readonly kind: "polled"; readonly tail: number }
  | { readonly kind: "released"; readonly result: "released" | "moved" | "fenced" }
  | { readonly kind: "parked"; readonly accepted: boolean }
  | { readonly kind: "shutdown" };

export interface StepFinished {
  readonly correlationId: string;
  readonly attempt: number;
  readonly delivery: number;
  readonly outcome: StepOutcome;
}

export type Effect =
  | { readonly kind: "create"; readonly request: CreateRequest; readonly resend: boolean }
  /** The run exists, under the id that the machine was given. */
  | { readonly kind: "started" }
  | { readonly kind: "append"; readonly request: DriverAppend; readonly resend: boolean }
  /** `later`: not at once, because a signal may want to end the process first, or the store had nothing new just now. */
  | { readonly kind: "read"; readonly after: number; readonly later?: boolean }
  | { readonly kind: "runStep"; readonly task: StepTask }
  | { readonly kind: "abortSteps" }
  /** Send `turn` once whatever is ready now has run. */
  | { readonly kind: "scheduleTurn" }
  /** Send `timerDue` after this time; replaces the timer before it. Null: no timer. */
  | { readonly kind: "setTimer"; readonly delayMs: number | null }
  | { readonly kind: "print"; readonly lines: readonly ConsoleLine[] }
  | { readonly kind: "release"; readonly request: ReleaseRequest }
  | { readonly kind: "park"; readonly parked: NewParked }
  | { readonly kind: "end"; readonly end: DriveEnd };

/** A step body to run: its call as recorded, and which start of it this is. */
export interface StepTask {
  readonly created: LogEvent<"step_created">;
  readonly correlationId: string;
  readonly attempt: number;
  readonly delivery: number;
  readonly workflow: { readonly name: string; readonly startedAt: number };
}

/**
 * How a drive ended. `existing`: the run was not created, because another one holds its key. `ahead`: what is held of the run
 * goes beyond what the store holds, which was put back to an earlier state.
 */
export type DriveEnd =
  | { readonly kind: "ended" }
  | { readonly kind: "released" }
  | { readonly kind: "parked"; readonly fault: Fault }
  | { readonly kind: "fenced" }
  | { readonly kind: "ahead" }
  | { readonly kind: "existing"; readonly runId: string };
