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
import { shared } from "./shared.ts";

const scenarios: readonly Scenario[] = [
  shared.sequential,
  { ...shared.parallel, sizes: [...shared.parallel.sizes, 10_000] },
  { ...shared.runs1Step, longSizes: [100_000] },
  shared.runs5Steps,
  {
    ...defaults,
    name: "runs_1_step_zod",
    family: "throughput",
    about: "the same with 1 step, in a bundle that imports zod",
    sizes: [1_000],
    processPerSize: true,
  },
  shared.coldReplay,
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
  shared.startToFirstStep,
  shared.hookResume,
  shared.sleepHeld,
  shared.sleepReleased,
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
