/** What is judged when a schedule is over: promises kept, every run ended, every log replayable, every result right. */
import type { HeldBundle } from "@perdure/core/simulation";
import { Chance } from "../kernel/chance.ts";
import type { Bodies } from "../ledger/bodies.ts";
import type { Promises } from "../ledger/promises.ts";
import type { Report } from "../ledger/violation.ts";
import type { Program } from "../programs/program.ts";
import type { SimStore, StoredRun } from "../store/sim-store.ts";
import type { LogWatch } from "./log-watch.ts";
import type { ReplayRealms } from "./replay-realms.ts";
import { judgeReplays } from "./replays.ts";
import { wrongResult } from "./results.ts";
import { judgePayloads } from "./taken-payloads.ts";

/** One build of the application that runs were started with. */
interface KnownBuild {
  readonly program: Program;
  readonly bundle: HeldBundle;
}

export interface VerdictParts {
  readonly seed: number;
  readonly store: SimStore;
  readonly watch: LogWatch;
  readonly promises: Promises;
  readonly bodies: Bodies;
  readonly builds: readonly KnownBuild[];
  readonly realms: ReplayRealms;
  /** What workers have printed, by run. */
  readonly printed: ReadonlyMap<string, readonly string[]>;
  readonly report: Report;
}

/** Judges the whole schedule. Returns how many replays were compared. */
export function judge(parts: VerdictParts): number {
  const { store, watch, promises, bodies, report, seed } = parts;
  watch.look();
  watch.judgeAtEnd();
  promises.judge(store, report);
  bodies.judgeAtEnd();
  const chance = Chance.of(seed, "replays");
  let replays = 0;
  for (const [runId, stored] of store.space.runs) {
    if (stored.run.parked === null) judgeEnd(runId, stored, report);
    const build = parts.builds.find(({ bundle }) => bundle.id === stored.run.bundleId);
    if (build === undefined) continue;
    const verdict = judgeReplays(
      { runId, log: stored.events, bundle: build.bundle, realms: parts.realms },
      chance,
      replays === 0,
    );
    replays += verdict.replays;
    if (verdict.difference !== null) report(verdict.difference.invariant, runId, verdict.difference.message);
    judgeLines(runId, parts.printed.get(runId) ?? [], verdict.lines, report);
    judgePayloads(runId, stored.events, verdict.lines, report);
    const wrong = wrongResult(stored.events, build.program);
    if (wrong !== null) report("S6", runId, wrong);
  }
  return replays;
}

/** R8: what was printed is what the log makes the code print: nothing of a speculation that was dropped. */
function judgeLines(runId: string, printed: readonly string[], lines: readonly string[], report: Report): void {
  const known = new Set(lines);
  const stray = printed.find((line) => !known.has(line));
  if (stray !== undefined) report("R8", runId, `a line was printed that no replay prints: ${stray}`);
}

/** Q5: with faults stopped, every run comes to its end. */
function judgeEnd(runId: string, { run, events }: StoredRun, report: Report): void {
  if (run.status === "completed" || run.status === "failed" || run.status === "cancelled") return;
  const last = events.at(-1);
  const row = `owner ${run.owner}, epoch ${run.epoch}, wake-up ${run.wakeAt}`;
  report("Q5", runId, `the run did not come to its end: ${run.status}, tail ${run.tail} (${last?.type}), ${row}`);
}
