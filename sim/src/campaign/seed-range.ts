/** Runs the schedules of a range of seeds, one after the other, in this process. */
import { schedulesPerProgram } from "../faults/plan.ts";
import { runSchedule } from "../schedule/run-schedule.ts";
import { addSummaries, emptySummary, type Summary, summaryOf } from "./summary.ts";

export interface SeedRange {
  readonly from: number;
  /** One more than the last seed. */
  readonly to: number;
}

/** One schedule in so many is run twice, and has to take the same steps. */
const selfCheckEvery = 100;

export async function runRange({ from, to }: SeedRange): Promise<Summary> {
  let summary = emptySummary;
  for (let seed = from; seed < to; seed += 1) {
    const outcome = await runSchedule({ seed });
    summary = addSummaries(summary, summaryOf(outcome, seed % schedulesPerProgram === 0));
    if (seed % selfCheckEvery !== 0) continue;
    const again = await runSchedule({ seed });
    const differs = again.traceHash !== outcome.traceHash;
    summary = {
      ...summary,
      selfChecks: summary.selfChecks + 1,
      unrepeatable: differs ? [...summary.unrepeatable, seed] : summary.unrepeatable,
    };
  }
  return summary;
}
