/** What many schedules came to, as numbers that can be added up over processes. */
import { Coverage, type CoverageCounts } from "../faults/coverage.ts";
import type { Violation } from "../ledger/violation.ts";
import type { ScheduleOutcome } from "../schedule/run-schedule.ts";

/** A schedule that went wrong. */
interface RedSchedule {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

export interface Summary {
  readonly schedules: number;
  readonly runs: number;
  readonly parkedRuns: number;
  readonly logEvents: number;
  readonly bodies: number;
  readonly replays: number;
  readonly steps: number;
  readonly virtualMs: number;
  readonly coverage: CoverageCounts;
  /** Distinct programs, those whose result is known beforehand, and how often each kind of statement occurs in them. */
  readonly programs: number;
  readonly confluentPrograms: number;
  readonly kinds: Readonly<Record<string, number>>;
  /** Schedules that ran twice, and those of them that took other steps the second time. */
  readonly selfChecks: number;
  readonly unrepeatable: readonly number[];
  readonly red: readonly RedSchedule[];
}

export const emptySummary: Summary = {
  schedules: 0,
  runs: 0,
  parkedRuns: 0,
  logEvents: 0,
  bodies: 0,
  replays: 0,
  steps: 0,
  virtualMs: 0,
  coverage: { hits: {}, strikes: {} },
  programs: 0,
  confluentPrograms: 0,
  kinds: {},
  selfChecks: 0,
  unrepeatable: [],
  red: [],
};

/** One schedule as a summary; `isNewProgram` false: the program was counted before. */
export function summaryOf(outcome: ScheduleOutcome, isNewProgram: boolean): Summary {
  const { seed, violations, program } = outcome;
  return {
    ...emptySummary,
    schedules: 1,
    runs: outcome.runCount,
    parkedRuns: outcome.parked,
    logEvents: outcome.logEvents,
    bodies: outcome.bodies,
    replays: outcome.replays,
    steps: outcome.eventCount,
    virtualMs: outcome.virtualMs,
    coverage: outcome.coverage,
    programs: isNewProgram ? 1 : 0,
    confluentPrograms: isNewProgram && program.confluent ? 1 : 0,
    kinds: isNewProgram ? program.kinds : {},
    red: violations.length > 0 ? [{ seed, violations: violations.slice(0, 3) }] : [],
  };
}

/** Both together. */
export function addSummaries(a: Summary, b: Summary): Summary {
  const coverage = new Coverage();
  coverage.add(a.coverage);
  coverage.add(b.coverage);
  return {
    schedules: a.schedules + b.schedules,
    runs: a.runs + b.runs,
    parkedRuns: a.parkedRuns + b.parkedRuns,
    logEvents: a.logEvents + b.logEvents,
    bodies: a.bodies + b.bodies,
    replays: a.replays + b.replays,
    steps: a.steps + b.steps,
    virtualMs: a.virtualMs + b.virtualMs,
    coverage: coverage.counts(),
    programs: a.programs + b.programs,
    confluentPrograms: a.confluentPrograms + b.confluentPrograms,
    kinds: addCounts(a.kinds, b.kinds),
    selfChecks: a.selfChecks + b.selfChecks,
    unrepeatable: [...a.unrepeatable, ...b.unrepeatable],
    red: [...a.red, ...b.red],
  };
}

function addCounts(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const sum: Record<string, number> = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
