/** The scenarios of the suite `local`: names, sizes and goals. The code of each family is in the file of its name. */
import { nearestName, UsageError } from "@perdure/errors";

/** One scenario, as it can be asked for by name. */
export interface Scenario {
  readonly name: string;
  /** The file that holds its code. */
  readonly family: string;
  /** What `n` counts, and what is measured. */
  readonly about: string;
  readonly sizes: readonly number[];
  /** Sizes that are added with `--long`. */
  readonly longSizes: readonly number[];
  /** Each size gets a process of its own. */
  readonly processPerSize: boolean;
}

const defaults = { longSizes: [], processPerSize: false } as const;

export const localScenarios: readonly Scenario[] = [
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
    about: "n runs of 1 step started at once, until every result is there",
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

/** A scenario by its name. Throws `UsageError` for a name that none has. */
export function localScenario(name: string): Scenario {
  const found = localScenarios.find((scenario) => scenario.name === name);
  if (found !== undefined) return found;
  const names = localScenarios.map((scenario) => scenario.name);
  const nearest = nearestName(name, names);
  throw new UsageError(`The suite local has no scenario "${name}".`, {
    hint: `${nearest === null ? "" : `Did you mean "${nearest}"? `}It has: ${names.join(", ")}.`,
  });
}

/** What a figure is held against. */
export interface Goal {
  readonly of: "value" | "ratio";
  readonly bound: "at most" | "at least";
  readonly limit: number;
}

/** The goal of a row, null where there is none. */
export function goalOf(scenario: string, n: number): Goal | null {
  if (scenario === "sequential") return { of: "ratio", bound: "at most", limit: 1.5 };
  if (scenario === "sequential_flat") return { of: "ratio", bound: "at most", limit: 1.2 };
  if (scenario === "runs_1_step" && n >= 1_000) return { of: "value", bound: "at least", limit: 8_000 };
  if (scenario === "cold_replay") return { of: "value", bound: "at most", limit: 150 };
  if (scenario === "memory_resident") return { of: "value", bound: "at most", limit: 10 };
  return null;
}
