/**
 * What a seed decides before anything runs: the program, the processes, how the worker is set up, which faults may strike
 * and how often. Plain data, so that a failing schedule can be printed, cut down and run again.
 */
import { invariant } from "@perdure/errors";
import type { IsolationMode } from "@perdure/world";
import { Chance } from "../kernel/chance.ts";
import { type BodyName, bodyNames } from "../programs/step-bodies.ts";
import { type Fault, faults, impossible, type Operation, operations, type Probe, possiblePairs } from "./catalogue.ts";

/** One fault that strikes for certain: at the n-th time that the probe is passed. */
export interface Target {
  readonly probe: Probe;
  readonly fault: Fault;
  readonly nth: number;
}

/** How workers are set up; a subset of the worker's options, and what the store can do. */
export interface WorkerSetup {
  readonly mode: "resident" | "replay";
  readonly stepsPerWorker: number;
  readonly stepsPerRun: number;
  readonly residentRunsMax: number;
  readonly claimedRunsMax: number;
  readonly holdMs: number;
  readonly sweepMs: number;
  readonly leaseMs: number;
  readonly compareAndAppend: boolean;
  readonly maxEventsPerAppend: number;
}

export interface Plan {
  readonly seed: number;
  /** Seed of the program; several schedules share one. */
  readonly programSeed: number;
  readonly setup: WorkerSetup;
  readonly processCount: number;
  readonly runs: readonly PlannedRun[];
  /** Probability of each fault each time that it could strike. */
  readonly rates: Readonly<Record<Fault, number>>;
  readonly targets: readonly Target[];
  /** How long faults strike, in virtual milliseconds. */
  readonly faultyMs: number;
  /** Whether hints reach workers at all. */
  readonly hints: boolean;
  /** The first build of the application has no steps, which a deploy brings. */
  readonly lacksSteps: boolean;
  /** The program waits for payloads and time, and calls no step. */
  readonly listens: boolean;
  /** Step bodies take this many times as long as usual. */
  readonly slowness: number;
  /** The steps whose bodies any worker runs, by the name of their body. */
  readonly background: readonly BodyName[];
}

export interface PlannedRun {
  /** Milliseconds after the beginning. */
  readonly startAfterMs: number;
  /** By a worker, with its first turn, or by a client that is none. */
  readonly by: "worker" | "client";
  readonly isolation: IsolationMode;
  /** Runs of the same name share their hook tokens. */
  readonly tokens: string;
  readonly n: number;
  /** Runs of the same key are one run. */
  readonly key: string | null;
}

/** What is left of a plan when it is cut down, and how to cut it down. */
export interface PlanCuts {
  readonly without?: readonly Fault[];
  readonly runs?: number;
  readonly processes?: number;
  readonly targets?: boolean;
}

/** The largest rates: a process that crashes at every fifth probe would never get anywhere. */
const rateMax: Readonly<Record<Fault, number>> = {
  refused: 0.15,
  "lost request": 0.12,
  "lost answer": 0.15,
  duplicate: 0.2,
  delay: 0.3,
  "old prefix": 0.3,
  crash: 0.02,
  pause: 0.015,
  stop: 0.004,
  deploy: 0.004,
  "clock jump": 0.01,
  "store clock jump": 0.004,
  "hints lost": 0.05,
  outage: 0.004,
  cancel: 0.0015,
  "payload storm": 0.01,
  "memory pressure": 0.02,
};

/** Each program is run under this many different plans. */
export const schedulesPerProgram = 12;

/** The plan of a seed, cut down as asked. */
export function planOf(seed: number, cuts: PlanCuts = {}): Plan {
  const chance = Chance.of(seed, "plan");
  const processCount = chance.between(1, 3);
  const setup = drawSetup(Chance.of(seed, "setup"));
  const plan: Plan = {
    seed,
    programSeed: Math.floor(seed / schedulesPerProgram),
    setup,
    processCount,
    runs: drawRuns(Chance.of(seed, "runs"), setup.mode),
    rates: drawRates(Chance.of(seed, "rates")),
    targets: drawTargets(seed),
    faultyMs: chance.pick([300, 2_000, 5_000, 10_000]),
    hints: chance.flag(0.75),
    lacksSteps: false,
    listens: false,
    slowness: Chance.of(seed, "slowness").pick([1, 1, 1, 30]),
    background: drawBackground(Chance.of(seed, "background")),
  };
  return cut(plan.targets.reduce(aim, withCompany(plan)), cuts);
}

const slowSuccessorRate = 0.15;
const lostAnswersRate = 0.1;

/**
 * Where a process stands still, another one has to be there; one that is slow where an answer was lost as well. Where one
 * stops while it waits, it may have lost answers before.
 */
function withCompany(plan: Plan): Plan {
  const strikes = (fault: Fault): boolean => plan.targets.some((target) => target.fault === fault);
  const rates = { ...plan.rates };
  if (strikes("pause") && strikes("lost answer")) rates.delay = Math.max(rates.delay, slowSuccessorRate);
  if (strikes("stop") && strikes("delay")) rates["lost answer"] = Math.max(rates["lost answer"], lostAnswersRate);
  return { ...plan, rates, processCount: Math.max(strikes("pause") ? 2 : 1, plan.processCount) };
}

/** The least rates of faults that lead to calls which are rare otherwise, for plans that aim at those calls. */
const leadingFaults: Readonly<Record<string, Fault>> = {
  park: "deploy",
  unpark: "deploy",
  retire: "stop",
  "poll.held": "lost answer",
  "append.cancel": "cancel",
  "append.decisions": "payload storm",
  "append.release": "payload storm",
  "append.payload": "payload storm",
  find: "payload storm",
  "jobs.release": "lost answer",
};
/** Low enough that runs get on, high enough that the call is made in most schedules. */
const leadingRates: Readonly<Partial<Record<Fault, number>>> = {
  deploy: 0.01,
  stop: 0.01,
  "lost answer": 0.1,
  cancel: 0.004,
  "payload storm": 0.02,
};

/** What has to strike for certain before such a call is made. */
const leadingTargets: Readonly<Record<string, readonly Target[]>> = {
  unpark: [{ probe: "park:answered", fault: "deploy", nth: 1 }],
  "append.release": [4, 8, 12, 16].map((nth) => ({ probe: "timer", fault: "payload storm", nth })),
  "bundle.get": [
    { probe: "bundle.get:applied", fault: "payload storm", nth: 1 },
    { probe: "bundle.get:applied", fault: "lost answer", nth: 1 },
  ],
  "append.cancel": [
    { probe: "step:begin", fault: "cancel", nth: 1 },
    { probe: "timer", fault: "cancel", nth: 4 },
    { probe: "timer", fault: "cancel", nth: 8 },
  ],
  "jobs.release": [2, 3, 5, 7, 9, 12, 15, 20, 25, 30, 40].map((nth) => ({
    probe: "jobs.claim:applied",
    fault: "lost answer",
    nth,
  })),
};

/** Makes sure that what a target needs can happen at all: its call has to be made before a fault can strike it. */
function aim(plan: Plan, { probe, fault, nth }: Target): Plan {
  const operation = operationOf(probe);
  const faultyMs = Math.max(plan.faultyMs, 2_000);
  if (operation === "append.result" || operation.startsWith("jobs.")) {
    return lead({ ...plan, background: bodyNames }, operation, faultyMs);
  }
  if (probe === "hint") return { ...plan, faultyMs, hints: true };
  if (operation === "create.eager") return startedByWorkers(plan, faultyMs, { probe, fault, nth });
  if (operation === "create.client")
    return { ...plan, faultyMs, runs: plan.runs.map((run) => ({ ...run, by: "client" })) };
  if (operation === "append.facts") return { ...plan, faultyMs, setup: { ...plan.setup, compareAndAppend: false } };
  if (operation === "append.speculative")
    return { ...plan, faultyMs, setup: { ...plan.setup, compareAndAppend: true } };
  // A payload that arrives while its run waits for its bundle needs a hook.
  if (operation === "bundle.get") return lead({ ...plan, listens: true }, operation, faultyMs);
  if (operation === "append.release")
    return lead(
      { ...plan, listens: true, setup: { ...plan.setup, compareAndAppend: true, holdMs: 1 } },
      operation,
      faultyMs,
    );
  return lead(plan, operation, faultyMs);
}

/** Whoever does not learn that it has created a run stands still, and meanwhile another one may take the run. */
function startedByWorkers(plan: Plan, faultyMs: number, { probe, fault, nth }: Target): Plan {
  const targets = fault === "lost answer" ? [...plan.targets, { probe, fault: "pause" as const, nth }] : plan.targets;
  const runs = plan.runs.map((run) => ({ ...run, by: "worker" as const }));
  return { ...plan, faultyMs, runs, targets, background: [], processCount: Math.max(2, plan.processCount) };
}

function lead(plan: Plan, operation: string, faultyMs: number): Plan {
  const targets = [...plan.targets, ...(leadingTargets[operation] ?? [])];
  const leading = leadingFaults[operation];
  if (leading === undefined) return { ...plan, faultyMs, targets };
  const lacksSteps = plan.lacksSteps || leading === "deploy";
  const rate = Math.max(plan.rates[leading], leadingRates[leading] ?? 0);
  return { ...plan, faultyMs, lacksSteps, targets, rates: { ...plan.rates, [leading]: rate } };
}

function cut(plan: Plan, cuts: PlanCuts): Plan {
  const without = new Set<string>(cuts.without ?? []);
  const rates = Object.fromEntries(faults.map((fault) => [fault, without.has(fault) ? 0 : plan.rates[fault]]));
  return {
    ...plan,
    rates: rates as Plan["rates"],
    runs: plan.runs.slice(0, cuts.runs ?? plan.runs.length),
    processCount: Math.min(plan.processCount, cuts.processes ?? plan.processCount),
    targets: cuts.targets === false ? [] : plan.targets.filter(({ fault }) => !without.has(fault)),
  };
}

/** In half of the plans no step is a background step, in the others every second one, or all. */
function drawBackground(chance: Chance): readonly BodyName[] {
  const share = chance.pick([0, 0, 0.5, 1]);
  return bodyNames.filter(() => chance.flag(share));
}

function drawSetup(chance: Chance): WorkerSetup {
  const leaseMs = chance.pick([500, 1_500, 3_500]);
  return {
    mode: chance.flag(0.7) ? "resident" : "replay",
    stepsPerWorker: chance.pick([1, 2, 5, 200, 200]),
    stepsPerRun: chance.pick([1, 2, 50, 50]),
    residentRunsMax: chance.pick([1, 2, 10_000, 10_000]),
    claimedRunsMax: chance.pick([1, 2, 20_000, 20_000]),
    holdMs: chance.pick([1, 10, 1_500]),
    sweepMs: Math.min(leaseMs, chance.pick([150, 500, 1_000])),
    leaseMs,
    compareAndAppend: chance.flag(0.8),
    maxEventsPerAppend: chance.pick([4, 7, 100_000, 100_000]),
  };
}

/** A realm for a run alone is slow to make, and mode `replay` makes one for every turn. */
function drawRuns(chance: Chance, mode: WorkerSetup["mode"]): PlannedRun[] {
  const count = chance.pick([1, 1, 2, 3]);
  const sharesTokens = chance.flag(0.4);
  const sharesKey = chance.flag(0.2);
  return Array.from({ length: count }, (_, index) => ({
    startAfterMs: chance.heavyTail(400),
    by: chance.flag(0.6) ? ("worker" as const) : ("client" as const),
    isolation: chance.flag(0.06) && mode === "resident" ? ("run" as const) : ("shared" as const),
    tokens: sharesTokens ? "shared" : `own-${index}`,
    n: chance.between(0, 5),
    key: sharesKey ? "one" : null,
  }));
}

/** Each fault is off in half of the seeds; where it is on, it is mostly rare. */
function drawRates(chance: Chance): Plan["rates"] {
  const quiet = chance.flag(0.1);
  const draw = (fault: Fault): number => {
    const on = chance.flag(0.5);
    const rate = rateMax[fault] * chance.next() ** 1.5;
    return on && !quiet ? rate : 0;
  };
  return Object.fromEntries(faults.map((fault) => [fault, draw(fault)])) as Plan["rates"];
}

const targetsPerPlan = 3;

/**
 * The first walks through all pairs, so that each is tried as often as the others. The others strike the same call, half of
 * the time at the same pass, because two faults at once are worse than each alone; or they are a pair that is known to be bad,
 * at any call.
 */
function drawTargets(seed: number): Target[] {
  const chance = Chance.of(seed, "targets");
  const first = possiblePairs[seed % possiblePairs.length];
  invariant(first !== undefined, "some fault is possible somewhere");
  const [probe, fault] = first;
  const isRare = operationOf(probe) in leadingFaults;
  const nth = isRare ? 1 : chance.pick([1, 1, 1, 2, 3, 5]);
  const others = chance.flag(0.2) ? bothAt(chance) : near(chance, { probe, fault, nth });
  return [{ probe, fault, nth }, ...others];
}

/** Faults that are worse together, when they strike one call as it is applied. */
const badPairs: readonly [readonly [Fault, Fault], ...(readonly [Fault, Fault])[]] = [
  // Another takes over before the caller learns that it does not know.
  ["lost answer", "pause"],
  // Whoever gets the answer is about to go, or has given up what it is about.
  ["delay", "stop"],
];

function bothAt(chance: Chance): Target[] {
  const pair = chance.pick(badPairs);
  const probe: Probe = `${chance.pick(operations)}:applied`;
  const nth = chance.pick([1, 1, 2, 3]);
  return pair.filter((fault) => impossible(probe, fault) === null).map((fault) => ({ probe, fault, nth }));
}

function near(chance: Chance, { probe, fault, nth }: Target): Target[] {
  const pairs = possiblePairs.filter(([other]) => operationOf(other) === operationOf(probe));
  return Array.from({ length: targetsPerPlan - 1 }, () => {
    const [otherProbe, otherFault] = chance.oneOf(pairs) ?? [probe, fault];
    return { probe: otherProbe, fault: otherFault, nth: chance.flag(0.5) ? nth : chance.pick([1, 2, 3]) };
  });
}

/** Whether a fault is bound to strike one of these calls, if it is made. */
export const aimsAt = (plan: Plan, operations: readonly Operation[]): boolean =>
  plan.targets.some(({ probe }) => (operations as readonly string[]).includes(operationOf(probe)));

const operationOf = (probe: Probe): string => probe.slice(0, Math.max(0, probe.indexOf(":"))) || probe;
