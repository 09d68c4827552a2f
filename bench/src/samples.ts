/** Latencies: many samples, one at a time, each beside a sample of the floor. */
import { median } from "./median.ts";
import { type Round, summarize } from "./rounds.ts";
import type { ScenarioContext } from "./scenario.ts";

/** So many samples go before the first round. */
const warmUpSamples = 200;

/** One sample, which may prepare something before its clock: milliseconds of what is measured. */
export type Sample = (label: string) => Promise<number>;

/** The floor of a sample: so many commits of so many bytes. */
export interface SampleFloor {
  readonly commits: number;
  readonly bytes: number;
}

/** Takes n samples a round, and reports their medians. Labels differ within a size. */
export async function measureSamples(context: ScenarioContext, sample: Sample, floor: SampleFloor): Promise<void> {
  const { scenario, sizes, rounds } = context.order;
  for (const n of sizes) {
    for (let index = 0; index < Math.min(n, warmUpSamples); index += 1) await sample(`warm-up-${index}`);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const floors: number[] = [];
      const values: number[] = [];
      await context.timed(String(n), async () => {
        for (let index = 0; index < n; index += 1) {
          floors.push(await context.floor.commits(floor.commits, floor.bytes));
          values.push(await sample(`${round}-${index}`));
        }
      });
      measured.push({ value: median(values), floor: median(floors) });
    }
    context.report(summarize({ scenario, n, unit: "ms" }, measured));
  }
}
