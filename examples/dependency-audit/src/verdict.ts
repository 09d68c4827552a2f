/**
 * What the ledger proves about a run whose worker was killed. Pure.
 *
 * The promise is: bodies run at least once, results are recorded exactly once. So a body that was at work when its process was
 * killed runs again, and so does one that was done but whose result had not reached the log. A step whose result was on record
 * never runs again, in any process.
 */
import type { LedgerLine } from "./ledger.ts";

export interface Verdict {
  /** Steps whose result was on record when the worker was dead. */
  readonly recordedBefore: number;
  /** Steps that finished after that, in another worker. */
  readonly finishedAfter: number;
  /** Steps that had started, but were not on record, when the worker was killed: their bodies ran again. */
  readonly inFlight: number;
  /** Of those: bodies that had reached their end, and were killed before the result was on record. */
  readonly doneUnrecorded: number;
  /** Steps that were on record by then and whose body, by the ledger, did not start exactly once. Must be empty. */
  readonly repeated: readonly string[];
  /** Subjects of steps that started and whose body never reached its end. Must be empty when the run is over. */
  readonly unfinished: readonly string[];
}

/** Judges a finished run. `killed`: the process that was killed; `recorded`: the ids of the steps on record by then. */
export function judge(ledger: readonly LedgerLine[], killed: number, recorded: ReadonlySet<string>): Verdict {
  const steps = Map.groupBy(ledger, (line) => line.step);
  const histories = [...steps].map(([step, lines]) => ({
    isRecorded: recorded.has(step),
    subject: lines[0]?.subject ?? step,
    isDone: lines.some((line) => line.event === "done"),
    startedBefore: lines.some((line) => line.pid === killed),
    doneBefore: lines.some((line) => line.pid === killed && line.event === "done"),
  }));
  const inFlight = histories.filter((step) => step.startedBefore && !step.isRecorded);
  return {
    recordedBefore: recorded.size,
    finishedAfter: histories.filter((step) => step.isDone && !step.isRecorded).length,
    inFlight: inFlight.length,
    doneUnrecorded: inFlight.filter((step) => step.doneBefore).length,
    repeated: [...recorded].filter((step) => starts(steps.get(step)) !== 1),
    unfinished: histories.filter((step) => !step.isDone).map((step) => step.subject),
  };
}

const starts = (lines: readonly LedgerLine[] = []): number => lines.filter((line) => line.event === "start").length;
