/** The course of one schedule: faults strike, everything is healed, every run comes to its end, and then it is judged. */
import { judge } from "../checkers/verdict.ts";
import type { CoverageCounts } from "../faults/coverage.ts";
import { type Plan, type PlanCuts, planOf } from "../faults/plan.ts";
import { epoch } from "../kernel/scheduler.ts";
import type { TraceLine } from "../kernel/trace.ts";
import type { Violation } from "../ledger/violation.ts";
import type { Program } from "../programs/program.ts";
import { type BuiltProgram, buildProgram } from "./program-builds.ts";
import { Simulation } from "./simulation.ts";

/** What a schedule is, in full: everything else follows. */
export interface ScheduleSpec {
  readonly seed: number;
  readonly cuts?: ScheduleCuts;
}

export interface ScheduleCuts extends PlanCuts {
  /** Which of the smaller programs to take, one step after the other. */
  readonly program?: readonly number[];
}

export interface ScheduleOutcome {
  readonly seed: number;
  readonly plan: Plan;
  readonly program: Program;
  readonly source: string;
  readonly violations: readonly Violation[];
  readonly traceHash: string;
  readonly lines: readonly TraceLine[];
  readonly coverage: CoverageCounts;
  readonly virtualMs: number;
  readonly eventCount: number;
  readonly replays: number;
  readonly runCount: number;
  readonly logEvents: number;
  readonly bodies: number;
  readonly parked: number;
}

/** When nothing is due for longer than this, everybody goes home until then. */
const nightMs = 3_000;
/** Everything healed, every run ends within this time, nights not counted. */
const livenessMs = 20 * 60_000;
/** How often outsiders answer hooks when everything is healed. */
const answerMs = 150;
const nightsMax = 400;
/** How long what comes late is waited for. */
const lateMs = 20;

/** Runs one schedule to its verdict. `onViolation` is told of each violation when it is found. */
export async function runSchedule(
  spec: ScheduleSpec,
  keepTrace = false,
  onViolation: (violation: Violation) => void = () => {},
): Promise<ScheduleOutcome> {
  const plan = planOf(spec.seed, spec.cuts);
  const built = await buildProgram(plan, spec.cuts?.program ?? []);
  const simulation = new Simulation({
    plan,
    builds: built.builds,
    executions: built.executions,
    keepTrace,
    onViolation,
  });
  await safetyPhase(simulation, plan);
  await livenessPhase(simulation);
  await latePhase(simulation);
  // A creation that was sent twice may have come as late, and is a run like any other.
  if (!simulation.isSettled) await livenessPhase(simulation);
  simulation.scheduler.finish();
  return outcomeOf(simulation, plan, built);
}

async function safetyPhase(simulation: Simulation, plan: Plan): Promise<void> {
  const { scheduler } = simulation;
  let nights = 0;
  let until = scheduler.now + plan.faultyMs;
  while (scheduler.now < until && !simulation.isAtRest) {
    await scheduler.runUntil(() => simulation.isAtRest, Math.min(until, scheduler.now + answerMs * 4));
    simulation.outsiders.sendPayloads(1);
    const due = nightUntil(simulation);
    if (due === null || nights >= nightsMax) continue;
    until += due - scheduler.now;
    nights += 1;
    simulation.night(due);
  }
}

/** Ends when every run has ended, or when the time for it is over. */
async function livenessPhase(simulation: Simulation): Promise<void> {
  const { scheduler, outsiders } = simulation;
  simulation.heal();
  let until = scheduler.now + livenessMs;
  for (let nights = 0; scheduler.now < until && nights < nightsMax; ) {
    await simulation.unparkAll();
    if (simulation.isSettled) return;
    await scheduler.runUntil(() => simulation.isSettled, scheduler.now + answerMs);
    outsiders.answerWaiting();
    const due = nightUntil(simulation);
    if (due === null) continue;
    until += due - scheduler.now;
    nights += 1;
    simulation.night(due);
  }
}

/** What comes when everything is over changes nothing. */
async function latePhase({ scheduler, outsiders }: Simulation): Promise<void> {
  outsiders.comeLate();
  await scheduler.runUntil(() => false, scheduler.now + lateMs);
}

/** When nothing can happen for long: the moment at which something is due. */
function nightUntil({ store, runningBodies, scheduler, outsiders }: Simulation): number | null {
  if (runningBodies > 0 || !outsiders.allStarted) return null;
  let earliest: number | null = null;
  for (const { run } of store.space.runs.values()) {
    if (run.endedAt !== null || run.parked !== null) continue;
    if (run.owner !== null || run.wakeAt === null) return null;
    if (earliest === null || run.wakeAt < earliest) earliest = run.wakeAt;
  }
  if (earliest === null) return null;
  const due = earliest - store.skewMs;
  return due - scheduler.now > nightMs ? due - 5 : null;
}

function outcomeOf(simulation: Simulation, plan: Plan, built: BuiltProgram): ScheduleOutcome {
  const { store, watch, promises, trace, striker, scheduler, bodies } = simulation;
  const replays = judge({
    seed: plan.seed,
    store,
    watch,
    promises,
    bodies,
    builds: built.known,
    realms: built.realms,
    printed: simulation.printed,
    report: (...found) => simulation.report(...found),
  });
  const runs = [...store.space.runs.values()];
  return {
    seed: plan.seed,
    plan,
    program: built.program,
    source: built.builds[0].source,
    violations: simulation.violations,
    traceHash: trace.hash,
    lines: trace.lines,
    coverage: striker.coverage.counts(),
    virtualMs: scheduler.now - epoch,
    eventCount: scheduler.eventCount,
    replays,
    runCount: runs.length,
    logEvents: runs.reduce((sum, run) => sum + run.events.length, 0),
    bodies: bodies.runs.length,
    parked: runs.filter(({ run }) => run.parked !== null).length,
  };
}
