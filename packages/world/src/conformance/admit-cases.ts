/** The rules of every event, each accepted once and refused once, through the world. */
import { deepEqual, equal } from "node:assert/strict";
import { type Bench, refusal } from "./bench.ts";
import {
  decisions,
  facts,
  type Rule,
  runRules,
  stepRules,
  type Try,
  waitAndHookRules,
  writerRules,
} from "./event-rule-table.ts";
import { type ConformanceCase, type ConformanceGroup, scenario } from "./fixture.ts";
import { cancelled, hookCreated, received, runCompleted, runFailed, stepCompleted, stepCreated } from "./requests.ts";
import { TestDriver } from "./test-driver.ts";

async function prepare(bench: Bench, rule: Rule, half: "accepted" | "refused"): Promise<TestDriver> {
  const isPending = rule.pending === "both" || rule.pending === half;
  if (isPending) await bench.create();
  const driver = isPending ? await bench.claim("w1") : await bench.drive();
  const other = await rule.given?.(driver, bench);
  return other instanceof TestDriver ? other : driver;
}

function attempt(bench: Bench, driver: TestDriver, what: Rule["accepted"]) {
  const parts = typeof what === "function" ? what(bench) : what;
  return "by" in parts ? driver.world.log.append(driver.runId, parts) : driver.try(parts);
}

const cases = (rules: readonly Rule[]): ConformanceCase[] =>
  rules.flatMap((rule) => [
    scenario(`accepted: ${rule.rule}`, async (bench) => {
      const driver = await prepare(bench, rule, "accepted");
      const result = await attempt(bench, driver, rule.accepted);
      equal(result.kind, "appended", JSON.stringify(result));
    }),
    scenario(`refused: ${rule.rule}`, async (bench) => {
      const driver = await prepare(bench, rule, "refused");
      if (rule.reason === "terminal") await attempt(bench, driver, rule.accepted);
      const reason = refusal(await bench.untouched(driver.runId, () => attempt(bench, driver, rule.refused)));
      equal(reason.kind, rule.reason ?? "entity");
      if ("index" in reason) equal(reason.index, rule.index ?? 0);
      if ("storeNow" in reason) equal(reason.storeNow, bench.now);
    }),
  ]);

/** L6, X1: no writer adds anything to a run that ended, however it ended. */
const ends: ConformanceCase[] = [
  { name: "completed", end: decisions(runCompleted()) },
  { name: "failed", end: decisions(runFailed()) },
  { name: "cancelled", end: cancelled() },
].map(({ name, end }) =>
  scenario(`L6: a run that is ${name} takes nothing more from anybody`, async (bench) => {
    const driver = await bench.drive();
    await driver.decide(hookCreated("hook_a", "t"), stepCreated("step_a"));
    await attempt(bench, driver, end);
    const tries: Try[] = [
      facts(stepCompleted("step_a")),
      decisions(runCompleted()),
      decisions(runFailed()),
      cancelled("another key"),
      received("hook_a", "payload", "k"),
    ];
    for (const each of tries) {
      const result = await bench.untouched(driver.runId, () => attempt(bench, driver, each));
      deepEqual(result, { kind: "refused", reason: { kind: "terminal" } });
    }
  }),
);

export const admitGroup: ConformanceGroup = {
  subject: "rules of the events",
  cases: [...cases(runRules), ...cases(stepRules), ...cases(waitAndHookRules), ...cases(writerRules), ...ends],
};
