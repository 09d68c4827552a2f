/** What is judged when a schedule is over: promises kept, every run ended, every log replayable, every result right. */
import { inspect, isDeepStrictEqual } from "node:util";
import type { HeldBundle } from "@perdure/core/simulation";
import { hydrate } from "@perdure/serde";
import { Chance } from "../kernel/chance.ts";
import type { Bodies } from "../ledger/bodies.ts";
import type { Promises } from "../ledger/promises.ts";
import type { Report } from "../ledger/violation.ts";
import { type Expected, interpret } from "../programs/interpret.ts";
import type { Inputs, Program } from "../programs/program.ts";
import type { SimStore, StoredRun } from "../store/sim-store.ts";
import type { LogWatch } from "./log-watch.ts";
import type { ReplayRealms } from "./replay-realms.ts";
import { judgeReplays } from "./replays.ts";
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
    judgeResult(runId, stored, build.program, report);
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

/** The result of a program that depends on nothing but its input is the one that the reference interpreter gives. */
function judgeResult(runId: string, { events }: StoredRun, program: Program, report: Report): void {
  const last = events.at(-1);
  const [created] = events;
  if (!program.confluent || created?.type !== "run_created" || created.payload === null) return;
  if (last?.type !== "run_completed" && last?.type !== "run_failed") return;
  // A step whose workers were lost too often fails, which no program can foresee.
  if (events.some((event) => event.type === "step_failed" && event.data.code === "STEP_LOST")) return;
  const [inputs] = hydrate(created.payload) as [Inputs];
  const expected = interpret(program, inputs);
  const value = last.payload === null ? undefined : hydrate(last.payload);
  const found: Expected =
    last.type === "run_completed"
      ? { kind: "returned", value }
      : { kind: "thrown", name: value instanceof Error ? value.name : String(value) };
  if (!isDeepStrictEqual(found, expected)) {
    report("S6", runId, `the result is not what the program computes: ${inspect([found, expected], { depth: 6 })}`);
  }
}
