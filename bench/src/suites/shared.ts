/** The scenarios that every suite has: the same code on another store. */
import { scenarioDefaults as defaults, type Scenario } from "../suite.ts";

export const shared = {
  sequential: {
    ...defaults,
    name: "sequential",
    family: "sequential",
    about: "one run of n steps, start() to result, by step; the floor is one commit a step",
    sizes: [10, 100, 1_000, 10_000],
  },
  parallel: {
    ...defaults,
    name: "parallel",
    family: "parallel",
    about: "one run that awaits Promise.all of n steps; the floor is one commit of all the bytes",
    sizes: [10, 100, 1_000],
  },
  runs1Step: {
    ...defaults,
    name: "runs_1_step",
    family: "throughput",
    about: "n runs of 1 step started at once, until every result is there; also p50 and p99 of a run's own time",
    sizes: [1_000, 10_000],
    processPerSize: true,
  },
  runs5Steps: {
    ...defaults,
    name: "runs_5_steps",
    family: "throughput",
    about: "n runs of 5 steps started at once, until every result is there; percentiles as well",
    sizes: [1_000, 10_000],
    processPerSize: true,
  },
  coldReplay: {
    ...defaults,
    name: "cold_replay",
    family: "cold-replay",
    about: "a worker resumes a run that it has never seen, with a log of n events, until its next step begins",
    sizes: [10_000],
  },
  startToFirstStep: {
    ...defaults,
    name: "start_to_first_step",
    family: "latency",
    about: "start() to the first line of the first step's body, n times; the floor is one commit",
    sizes: [200],
  },
  hookResume: {
    ...defaults,
    name: "hook_resume",
    family: "latency",
    about: "resumeHook() to the first line of the next step's body, n times; the floor is two commits",
    sizes: [200],
  },
  sleepHeld: {
    ...defaults,
    name: "sleep_held",
    family: "sleep",
    about: "how late n sleeps of 50-500 ms at once end, next step's body included; the floor is a timer and a commit",
    sizes: [100],
  },
  sleepReleased: {
    ...defaults,
    name: "sleep_released",
    family: "sleep",
    about: "the same with the runs given back to the store meanwhile, as longer sleeps are",
    sizes: [100],
  },
} satisfies Readonly<Record<string, Scenario>>;
