import type { OutsideAppend } from "../append.ts";
import type { NewFact } from "../events.ts";
import type { Bench } from "./bench.ts";
import {
  cancelled,
  type DecisionDraft,
  decision,
  fact,
  hookCreated,
  hookDisposed,
  received,
  runCompleted,
  runFailed,
  runStarted,
  sleepFor,
  sleepUntil,
  stepCompleted,
  stepCreated,
  stepFailed,
  stepRetrying,
  stepStarted,
  tokenHash,
  waitCompleted,
} from "./requests.ts";
import type { AppendParts, TestDriver } from "./test-driver.ts";

/** Something to send: by the driver, or from outside. */
export type Try = AppendParts | OutsideAppend;

/** One rule: after `given`, `accepted` is written and `refused` is not; `index` is where the refusal points. */
export interface Rule {
  readonly rule: string;
  readonly given?: (driver: TestDriver, bench: Bench) => Promise<unknown>;
  readonly accepted: Try | ((bench: Bench) => Try);
  readonly refused: Try | ((bench: Bench) => Try);
  readonly reason?: "entity" | "early" | "terminal";
  readonly index?: number;
  /** Which halves begin with a run that nobody started. */
  readonly pending?: "both" | "refused";
}

export const facts = (...list: NewFact[]): AppendParts => ({ facts: list });
export const decisions = (...list: DecisionDraft[]): AppendParts => ({ decisions: list });
const given =
  (...list: DecisionDraft[]) =>
  (driver: TestDriver) =>
    driver.decide(...list);

const causedBy =
  (change: { readonly position?: number; readonly later?: number }): DecisionDraft =>
  (cause) =>
    stepCreated("step_a")({ position: change.position ?? cause.position, at: cause.at + (change.later ?? 0) });

/** Another claim's driver of the same run, after its owner was lost. */
async function nextClaim(driver: TestDriver, bench: Bench): Promise<TestDriver> {
  bench.expire();
  return bench.claim(`w${driver.epoch + 1}`);
}

export const runRules: readonly Rule[] = [
  {
    rule: "a run starts once",
    pending: "both",
    accepted: facts(runStarted()),
    refused: facts(runStarted(), runStarted()),
    index: 1,
  },
  {
    rule: "only a started run decides",
    accepted: decisions(stepCreated("step_a")),
    refused: decisions(stepCreated("step_a")),
    pending: "refused",
  },
  {
    rule: "only a started run completes",
    accepted: decisions(runCompleted()),
    refused: decisions(runCompleted()),
    pending: "refused",
  },
  {
    rule: "X1: nothing follows a completion in its own append",
    accepted: decisions(stepCreated("step_a"), runCompleted()),
    refused: decisions(runCompleted(), stepCreated("step_a")),
    index: 1,
  },
  {
    rule: "X1: an append ends the run once",
    accepted: decisions(runFailed()),
    refused: decisions(runFailed(), runCompleted()),
    index: 1,
  },
  {
    rule: "L6: nothing is appended to a run that ended",
    accepted: decisions(runCompleted()),
    refused: cancelled("late"),
    reason: "terminal",
  },
];

export const stepRules: readonly Rule[] = [
  {
    rule: "an id names one step",
    given: given(stepCreated("step_a")),
    accepted: decisions(stepCreated("step_b")),
    refused: decisions(stepCreated("step_b"), stepCreated("step_a")),
    index: 1,
  },
  {
    rule: "a correlation id begins with its kind",
    accepted: decisions(stepCreated("step_a")),
    refused: decisions(stepCreated("wait_a")),
  },
  {
    rule: "the run's own events carry no correlation id",
    accepted: decisions(runCompleted()),
    refused: decisions(decision("run_completed", "step_a", {})),
  },
  {
    rule: "a result names a step of the run",
    given: given(stepCreated("step_a")),
    accepted: facts(stepCompleted("step_a")),
    refused: facts(stepCompleted("step_b")),
  },
  {
    rule: "S1: a step completes once",
    given: given(stepCreated("step_a")),
    accepted: facts(stepCompleted("step_a")),
    refused: facts(stepCompleted("step_a"), stepCompleted("step_a")),
    index: 1,
  },
  {
    rule: "S1: a step that has its result takes no other one later",
    given: async (driver) => {
      await driver.decide(stepCreated("step_a"), stepCreated("step_b"));
      await driver.facts(stepCompleted("step_a"));
    },
    accepted: facts(stepCompleted("step_b")),
    refused: facts(stepCompleted("step_a", "another result")),
  },
  {
    rule: "S4: a step that completed does not fail",
    given: given(stepCreated("step_a"), stepCreated("step_b")),
    accepted: facts(stepCompleted("step_a"), stepFailed("step_b")),
    refused: facts(stepCompleted("step_a"), stepFailed("step_a")),
    index: 1,
  },
  {
    rule: "S4: a result belongs to the current attempt",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"));
      await driver.facts(stepRetrying("step_a", 2, bench.now));
    },
    accepted: facts(stepCompleted("step_a", "result", 2)),
    refused: facts(stepCompleted("step_a", "result", 1)),
  },
  {
    rule: "S4: a failure belongs to the current attempt",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"));
      await driver.facts(stepRetrying("step_a", 2, bench.now));
    },
    accepted: facts(stepFailed("step_a", 2)),
    refused: facts(stepFailed("step_a", 1)),
  },
  {
    rule: "S5: attempts count up by one",
    given: given(stepCreated("step_a")),
    accepted: (bench) => facts(stepRetrying("step_a", 2, bench.now)),
    refused: (bench) => facts(stepRetrying("step_a", 3, bench.now)),
  },
  {
    rule: "S5: a step that completed is not tried again",
    given: given(stepCreated("step_a"), stepCreated("step_b")),
    accepted: (bench) => facts(stepCompleted("step_a"), stepRetrying("step_b", 2, bench.now)),
    refused: (bench) => facts(stepCompleted("step_a"), stepRetrying("step_a", 2, bench.now)),
    index: 1,
  },
  {
    rule: "S3: a step of another claim reports only after it was started in this one",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"));
      return nextClaim(driver, bench);
    },
    accepted: facts(stepStarted("step_a", 2), stepCompleted("step_a", "result", 1, 2)),
    refused: facts(stepCompleted("step_a")),
  },
  {
    rule: "S3: a claim does not start its own attempt again",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"));
      return nextClaim(driver, bench);
    },
    accepted: facts(stepStarted("step_a", 2)),
    refused: facts(stepStarted("step_a", 2), stepStarted("step_a", 3)),
    index: 1,
  },
  {
    rule: "S5: deliveries count up by one",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"));
      return nextClaim(driver, bench);
    },
    accepted: facts(stepStarted("step_a", 2)),
    refused: facts(stepStarted("step_a", 3)),
  },
  {
    rule: "S4: a result of a lost delivery is not taken",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"));
      const next = await nextClaim(driver, bench);
      await next.facts(stepStarted("step_a", 2));
      return next;
    },
    accepted: facts(stepCompleted("step_a", "result", 1, 2)),
    refused: facts(stepCompleted("step_a", "result", 1, 1)),
  },
  {
    rule: "S2: a completed step is not started by a later claim",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"), stepCreated("step_b"));
      await driver.facts(stepCompleted("step_a"));
      return nextClaim(driver, bench);
    },
    accepted: facts(stepStarted("step_b", 2)),
    refused: facts(stepStarted("step_a", 2)),
  },
];

export const waitAndHookRules: readonly Rule[] = [
  {
    rule: "T1: a wait completes at its moment by the store's clock, not before",
    given: (driver, bench) => driver.decide(sleepUntil("wait_a", bench.now), sleepUntil("wait_b", bench.now + 1)),
    accepted: facts(waitCompleted("wait_a")),
    refused: facts(waitCompleted("wait_a"), waitCompleted("wait_b")),
    reason: "early",
    index: 1,
  },
  {
    rule: "T1: a retry that was handed over does not start before its moment",
    given: async (driver, bench) => {
      await driver.decide(stepCreated("step_a"), stepCreated("step_b"));
      const next = await nextClaim(driver, bench);
      await next.facts(stepStarted("step_a", 2), stepStarted("step_b", 2));
      await next.facts(stepRetrying("step_a", 2, bench.now + 10_000), stepRetrying("step_b", 2, bench.now + 10_001));
      return nextClaim(next, bench);
    },
    accepted: facts(stepStarted("step_a", 2, 2)),
    refused: facts(stepStarted("step_b", 2, 2)),
    reason: "early",
  },
  {
    rule: "a wait completes once",
    given: (driver, bench) => driver.decide(sleepUntil("wait_a", bench.now)),
    accepted: facts(waitCompleted("wait_a")),
    refused: facts(waitCompleted("wait_a"), waitCompleted("wait_a")),
    index: 1,
  },
  {
    rule: "only a wait of the run completes",
    given: given(sleepFor("wait_a", 0)),
    accepted: facts(waitCompleted("wait_a")),
    refused: facts(waitCompleted("wait_b")),
  },
  {
    rule: "a wait has a duration or a moment",
    accepted: decisions(sleepFor("wait_a", 0)),
    refused: decisions(decision("wait_created", "wait_a", { ordinal: 1, durationMs: null, resumeAt: null })),
  },
  {
    rule: "a duration is not negative",
    accepted: decisions(sleepFor("wait_a", 1)),
    refused: decisions(sleepFor("wait_a", -1)),
  },
  {
    rule: "a duration is finite",
    accepted: decisions(sleepFor("wait_a", 0.5)),
    refused: decisions(sleepFor("wait_a", Number.NaN)),
  },
  {
    rule: "a moment is finite",
    accepted: decisions(sleepUntil("wait_a", 0)),
    refused: decisions(sleepUntil("wait_a", Number.POSITIVE_INFINITY)),
  },
  {
    rule: "H5: a payload needs a hook of the run",
    given: given(hookCreated("hook_a", "t")),
    accepted: received("hook_a", "payload", "k"),
    refused: received("hook_b", "payload", "k"),
  },
  {
    rule: "H4: a hook that was disposed of takes no payload",
    given: async (driver) => {
      await driver.decide(hookCreated("hook_a", "t1"), hookCreated("hook_b", "t2"));
      await driver.decide(hookDisposed("hook_b"));
    },
    accepted: received("hook_a", "payload", "k"),
    refused: received("hook_b", "payload", "k"),
  },
  {
    rule: "a hook is disposed of once",
    given: given(hookCreated("hook_a", "t")),
    accepted: decisions(hookDisposed("hook_a")),
    refused: decisions(hookDisposed("hook_a"), hookDisposed("hook_a")),
    index: 1,
  },
];

export const writerRules: readonly Rule[] = [
  {
    rule: "payloads come from outside",
    given: given(hookCreated("hook_a", "t")),
    accepted: received("hook_a", "payload", "k"),
    refused: facts(fact("hook_received", "hook_a", { ordinal: 1 })),
  },
  {
    rule: "cancellations come from outside",
    accepted: cancelled(),
    refused: facts(fact("run_cancelled", null, { reason: null })),
  },
  {
    rule: "results come from the driver",
    given: given(stepCreated("step_a")),
    accepted: facts(stepCompleted("step_a")),
    // A sender that breaks the types, as one over a network could.
    refused: { by: "outside", key: "k", fact: stepCompleted("step_a") as OutsideAppend["fact"] },
  },
  {
    rule: "H3: conflicts are found by the store alone",
    accepted: decisions(hookCreated("hook_a", "t")),
    refused: facts(fact("hook_conflict", "hook_a", { tokenHash: tokenHash("t"), conflictingRunId: "wrun_other" })),
  },
  {
    rule: "a run is created once",
    accepted: decisions(stepCreated("step_a")),
    refused: { facts: [fact("run_created", null, { seed: "" } as never)] },
  },
  {
    rule: "a decision names a fact that stands before it",
    accepted: decisions(causedBy({})),
    refused: decisions(causedBy({ position: 3 })),
  },
  {
    rule: "a decision names a position",
    accepted: decisions(causedBy({})),
    refused: decisions(causedBy({ position: 0 })),
  },
  {
    rule: "R6: a decision is not later than its cause",
    accepted: decisions(causedBy({})),
    refused: decisions(causedBy({ later: 1 })),
  },
  {
    rule: "R6: a decision is not earlier than its cause",
    accepted: decisions(causedBy({})),
    refused: decisions(causedBy({ later: -1 })),
  },
];
