/**
 * Runs schedules on all cores. The seeds are handed out in small ranges to child processes, and a child that has run many is
 * replaced, so that what one leaves behind in memory does not add up.
 */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import type { SeedRange } from "./seed-range.ts";
import { addSummaries, emptySummary, type Summary } from "./summary.ts";

export interface CampaignOptions {
  readonly from: number;
  readonly count: number;
  /** Processes; default: as many as there are cores. */
  readonly workers?: number;
  /** Called now and then with what there is so far. */
  readonly onProgress?: (summary: Summary) => void;
  /** Stop handing out seeds after so many red schedules. Default 20. */
  readonly redMax?: number;
}

/** Seeds in one range: a multiple of the schedules that share a program. */
const rangeSize = 48;
/** Ranges that one child runs before it is replaced. */
const rangesPerChild = 20;
const redMaxDefault = 20;

type Answer = { readonly kind: "done"; readonly summary: Summary } | { readonly kind: "broken"; readonly text: string };

/** Runs the schedules of `count` seeds. Rejects when a child process breaks, which is a defect of the simulator. */
export async function runCampaign(options: CampaignOptions): Promise<Summary> {
  const { from, count, workers = availableParallelism(), redMax = redMaxDefault, onProgress } = options;
  const end = from + count;
  let next = from;
  let summary = emptySummary;
  const take = (): SeedRange | null => {
    if (next >= end || summary.red.length >= redMax) return null;
    const range = { from: next, to: Math.min(end, next + rangeSize) };
    next = range.to;
    return range;
  };
  const work = async (): Promise<void> => {
    for (let range = take(); range !== null; ) {
      const child = startChild();
      try {
        for (let ranges = 0; range !== null && ranges < rangesPerChild; ranges += 1) {
          const part = await ask(child, range);
          summary = addSummaries(summary, part);
          onProgress?.(summary);
          range = take();
        }
      } finally {
        child.kill();
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return summary;
}

function startChild(): ChildProcess {
  return fork(new URL("./range-process.ts", import.meta.url), {
    execArgv: ["--conditions=@perdure/source", "--max-semi-space-size=64"],
    serialization: "advanced",
  });
}

function ask(child: ChildProcess, range: SeedRange): Promise<Summary> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null): void =>
      reject(new Error(`The process of seeds ${range.from} to ${range.to - 1} ended with ${code ?? signal}.`));
    child.once("exit", onExit);
    child.once("message", (answer: Answer) => {
      child.off("exit", onExit);
      if (answer.kind === "done") resolve(answer.summary);
      else reject(new Error(`Seeds ${range.from} to ${range.to - 1}: ${answer.text}`));
    });
    child.send(range);
  });
}
