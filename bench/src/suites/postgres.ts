/** The suite `postgres`: names, sizes and goals of what is measured on a PostgreSQL server of this machine. */
import {
  scenarioDefaults as defaults,
  type Goal,
  ratioAtMost,
  type Scenario,
  type Suite,
  valueAtLeast,
  valueAtMost,
} from "../suite.ts";
import { shared } from "./shared.ts";

const scenarios: readonly Scenario[] = [
  {
    ...defaults,
    name: "insert_tcp",
    family: "transport",
    about: "one INSERT that commits, over TCP loopback, n times; the floor is the same over the Unix socket",
    sizes: [1_000],
  },
  {
    ...defaults,
    name: "no_steps",
    family: "to-result",
    about: "start() to the result of a workflow without steps, n times; the floor is one commit",
    sizes: [200],
  },
  shared.sequential,
  {
    ...defaults,
    name: "sequential_10kb",
    family: "sequential",
    about: "the same, each step given 10 KB and returning them",
    sizes: [10, 100, 1_000],
    longSizes: [10_000],
  },
  shared.parallel,
  {
    ...defaults,
    name: "race",
    family: "parallel",
    about: "one run that awaits Promise.race of n steps; the floor is one commit of all the bytes",
    sizes: [50],
  },
  {
    ...defaults,
    name: "background",
    family: "parallel",
    about: "the same as parallel with background steps; one process drives the run and executes them",
    sizes: [100, 1_000, 10_000],
  },
  {
    ...defaults,
    name: "background_two",
    family: "parallel",
    about: "the same with a second process that takes both as well",
    sizes: [100, 1_000, 10_000],
  },
  shared.runs1Step,
  shared.runs5Steps,
  shared.startToFirstStep,
  shared.hookResume,
  {
    ...defaults,
    name: "hook_to_end",
    family: "to-result",
    about: "resumeHook() to the result of the run, which it ends, n times; the floor is one commit",
    sizes: [200],
  },
  {
    ...defaults,
    name: "remote_run",
    family: "to-result",
    about: "start() in a process without a worker to the result of 1 step there, n times; the floor is one commit",
    sizes: [200],
  },
  {
    ...defaults,
    name: "remote_hook",
    family: "to-result",
    about: "resumeHook() in a process without a worker to the result there, n times; the floor is one commit",
    sizes: [200],
  },
  shared.sleepHeld,
  shared.sleepReleased,
  shared.coldReplay,
  {
    ...defaults,
    name: "idle_worker",
    family: "idle",
    about: "transactions a second of a worker that has nothing to do, over n seconds",
    sizes: [10],
  },
  {
    ...defaults,
    name: "bytes",
    family: "bytes",
    about: "write-ahead log and tables by step, in a run of n; the floor is a row of the same bytes",
    sizes: [1_000],
  },
  {
    ...defaults,
    name: "sleeping",
    family: "sleeping",
    about:
      "n runs that sleep until the same moment: heap of the worker, transactions meanwhile, and until all are awake",
    sizes: [10_000],
    longSizes: [100_000],
    processPerSize: true,
  },
];

function goalOf(scenario: string, n: number): Goal | null {
  switch (scenario) {
    case "no_steps":
      return ratioAtMost(4);
    case "sequential":
    case "sequential_10kb":
      return ratioAtMost(1.5);
    case "sequential_flat":
    case "sequential_10kb_flat":
      return ratioAtMost(1.2);
    case "parallel":
      return n === 100 ? valueAtMost(8) : null;
    case "runs_1_step":
      return n >= 1_000 ? valueAtLeast(8_000) : null;
    case "runs_5_steps":
      return n >= 1_000 ? valueAtLeast(3_500) : null;
    case "hook_to_end":
      return ratioAtMost(6);
    case "sleep_held_p50":
    case "sleep_released_p50":
      return valueAtMost(2);
    default:
      return null;
  }
}

export const postgresSuite: Suite = {
  name: "postgres",
  about: "the PostgreSQL world: a server of this machine, over its Unix socket, started for the suite",
  store: "postgres",
  scenarios,
  goalOf,
};
