/** Cuts a red schedule down: fewer faults, fewer runs and processes, a smaller program, as long as it stays red. */
import { faults } from "../faults/catalogue.ts";
import { smallerPrograms } from "../programs/shrink.ts";
import { runSchedule, type ScheduleCuts, type ScheduleOutcome } from "../schedule/run-schedule.ts";

export interface Shrunk {
  readonly cuts: ScheduleCuts;
  readonly outcome: ScheduleOutcome;
  /** Schedules that were run to find it. */
  readonly tries: number;
}

export interface ShrinkOptions {
  /** Schedules that may be run to find a smaller one. Default 300. */
  readonly triesMax?: number;
  /** What is to stay true of the schedule. Default: it breaks the invariant that it broke first. */
  readonly isRed?: (outcome: ScheduleOutcome) => boolean;
}

/** The smallest red schedule that is found; null when the whole one is not red. */
export async function shrinkSchedule(seed: number, options: ShrinkOptions = {}): Promise<Shrunk | null> {
  const first = await runSchedule({ seed });
  const invariant = first.violations[0]?.invariant;
  const breaksTheSame = ({ violations }: ScheduleOutcome): boolean =>
    violations.some((violation) => violation.invariant === invariant);
  const { triesMax = 300, isRed = breaksTheSame } = options;
  if (!isRed(first)) return null;
  let best: { cuts: ScheduleCuts; outcome: ScheduleOutcome } = { cuts: {}, outcome: first };
  let tries = 1;
  const attempt = async (cuts: ScheduleCuts): Promise<boolean> => {
    if (tries >= triesMax) return false;
    tries += 1;
    const outcome = await runSchedule({ seed, cuts });
    if (!isRed(outcome)) return false;
    best = { cuts, outcome };
    return true;
  };
  await shrinkFaults(best, attempt);
  for (let runs = best.outcome.plan.runs.length - 1; runs >= 1; runs -= 1) await attempt({ ...best.cuts, runs });
  for (let processes = best.outcome.plan.processCount - 1; processes >= 1; processes -= 1) {
    await attempt({ ...best.cuts, processes });
  }
  await shrinkProgram(() => best, attempt);
  return { ...best, tries };
}

type Attempt = (cuts: ScheduleCuts) => Promise<boolean>;

async function shrinkFaults(first: { readonly outcome: ScheduleOutcome }, attempt: Attempt): Promise<void> {
  let cuts: ScheduleCuts = {};
  if (await attempt({ targets: false })) cuts = { targets: false };
  const rated = faults.filter((fault) => first.outcome.plan.rates[fault] > 0 || !cuts.targets);
  for (const fault of rated) {
    const next = { ...cuts, without: [...(cuts.without ?? []), fault] };
    if (await attempt(next)) cuts = next;
  }
}

/** Goes from program to smaller program until none of the smaller ones is red. */
async function shrinkProgram(
  best: () => { readonly cuts: ScheduleCuts; readonly outcome: ScheduleOutcome },
  attempt: Attempt,
): Promise<void> {
  for (let shrunk = true; shrunk; ) {
    shrunk = false;
    const { cuts, outcome } = best();
    const path = cuts.program ?? [];
    const candidates = [...smallerPrograms(outcome.program)].length;
    for (let index = 0; index < candidates && !shrunk; index += 1) {
      shrunk = await attempt({ ...cuts, program: [...path, index] });
    }
  }
}
