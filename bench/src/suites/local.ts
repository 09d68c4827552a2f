/** The suite `local`: names, sizes and goals of what is measured on the embedded world. */
import {
  scenarioDefaults as defaults,
  type Goal,
  ratioAtMost,
  type Scenario,
  type Suite,
  valueAtLeast,
  valueAtMost,
} from "../suite.ts";

const scenarios: readonly Scenario[] = [
  {
    ...defaults,
    name: "sequential",
    family: "sequential",
    about: "one run of n steps, start() to result, by step; the floor is one commit a step",
    sizes: [10, 100, 1_000, 10_000],
  },
  {
    ...defaults,
    name: "parallel",
    family: "parallel",
    about: "one run that awaits Promise.all of n steps; the floor is one commit of all the bytes",
    sizes: [10, 100, 1_000, 10_000],
  },
  {
    ...defaults,
    name: "runs_1_step",
    family: "throughput",
    about: "n runs of 1 step started at once, until every result is there; also p50 and p99 of a run's own time",
    sizes: [1_000, 10_000],
    longSizes: [100_000],
    processPerSize: true,
  },
  {
    ...defaults,
    name: "runs_5_steps",
    family: "throughput",
    about: "n runs of 5 steps started at once, until every result is there",
    sizes: [1_000, 10_000],
    processPerSize: true,
  },
  {
    ...defaults,
    name: "runs_1_step_zod",
    family: "throughput",
    about: "the same with 1 step, in a bundle that imports zod",
    sizes: [1_000],
    processPerSize: true,
  },
  {
    ...defaults,
    name: "cold_replay",
    family: "cold-replay",
    about: "a worker resumes a run that it has never seen, with a log of n events, until its next step begins",
    sizes: [10_000],
  },
  {
    ...defaults,
    name: "cold_start",
    family: "cold-replay",
    about: "the same as the first thing that a fresh process does",
    sizes: [10_000],
  },
  {
    ...defaults,
    name: "memory_resident",
    family: "memory",
    about: "heap by run, with n released runs of a small workflow that sleep for a month",
    sizes: [1_000],
    longSizes: [100_000],
  },
  {
    ...defaults,
    name: "memory_resident_zod",
    family: "memory",
    about: "the same in a bundle that imports zod",
    sizes: [100],
  },
  {
    ...defaults,
    name: "start_to_first_step",
    family: "latency",
    about: "start() to the first line of the first step's body, n times; the floor is one commit",
    sizes: [200],
  },
  {
    ...defaults,
    name: "hook_resume",
    family: "latency",
    about: "resumeHook() to the first line of the next step's body, n times; the floor is two commits",
    sizes: [200],
  },
  {
    ...defaults,
    name: "sleep_held",
    family: "sleep",
    about: "how late n sleeps of 50-500 ms at once end, next step's body included; the floor is a timer and a commit",
    sizes: [100],
  },
  {
    ...defaults,
    name: "sleep_released",
    family: "sleep",
    about: "the same with the runs given back to the store meanwhile, as longer sleeps are",
    sizes: [100],
  },
  {
    ...defaults,
    name: "guard",
    family: "guard",
    about: "entering a realm and draining it under the guard, n times; the floor is the same without a guard",
    sizes: [20_000],
  },
];

function goalOf(scenario: string, n: number): Goal | null {
  if (scenario === "sequential") return ratioAtMost(1.5);
  if (scenario === "sequential_flat") return ratioAtMost(1.2);
  if (scenario === "runs_1_step" && n >= 1_000) return valueAtLeast(8_000);
  if (scenario === "cold_replay") return valueAtMost(150);
  if (scenario === "memory_resident") return valueAtMost(10);
  return null;
}

export const localSuite: Suite = {
  name: "local",
  about: "the embedded world: one SQLite file",
  store: "file",
  scenarios,
  goalOf,
};
