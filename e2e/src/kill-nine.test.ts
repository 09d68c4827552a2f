/**
 * Workers are killed with SIGKILL over running jobs, 200 times, at any moment and at named points. An outside ledger judges: no step
 * whose result was acknowledged runs again, no run is lost, every run ends with the value that it should have.
 *
 * `PERDURE_LONG=1` kills 2,000 times. `PERDURE_KILLS` and `PERDURE_SEED` set the number and repeat a plan.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectedValue } from "./crash/expected.ts";
import { type Outcome, runExperiment } from "./crash/experiment.ts";
import { killPlan } from "./crash/kill-plan.ts";
import { tally } from "./crash/kill-tally.ts";
import { sizes } from "./crash/sizes.ts";
import { judge, type Verdict } from "./crash/verdict.ts";

const isLong = process.env["PERDURE_LONG"] === "1";
const killCount = Number(process.env["PERDURE_KILLS"] ?? (isLong ? 2_000 : 200));
const seed = Number(process.env["PERDURE_SEED"] ?? Date.now() % 1_000_000);

/** A bound of liveness, many times what a kill takes. */
const timeoutMs = 120_000 + killCount * 5_000;

test(
  `${killCount} kills lose nothing, and repeat nothing that was acknowledged`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "perdure-kill-"));
    const outcome = await runExperiment(folder, killPlan(killCount, seed));
    const verdict = judge(outcome.ledger, outcome.logs);
    report(outcome, verdict, folder);

    expect(verdict.broken).toEqual([]);
    expectKills(outcome);
    expectRuns(outcome);
    expectPayloads(outcome);
    rmSync(folder, { recursive: true });
  },
  timeoutMs,
);

function expectKills({ deaths }: Outcome): void {
  const { byPoint, inFlight, struck } = tally(deaths);
  expect(deaths).toHaveLength(killCount);
  expect(inFlight / killCount).toBeGreaterThanOrEqual(0.3);
  expect(Object.entries(byPoint).filter(([, count]) => count === 0)).toEqual([]);
  expect(struck.committed).toBeGreaterThan(0);
  expect(struck.lost).toBeGreaterThan(0);
}

/** No run is lost, none is doubled, each has its value. */
function expectRuns({ traffic, ledger, logs }: Outcome): void {
  expect(traffic.failures).toEqual(new Map());
  expect(traffic.finished).toHaveLength(traffic.orders.size);
  expect([...logs.keys()].sort()).toEqual(traffic.finished.map(({ runId }) => runId).sort());
  for (const { order, runId, value } of traffic.finished) {
    expect([order.key, value]).toEqual([order.key, expectedValue(order.shape, order.seed)]);
    expect(traffic.runIds.get(order.key)).toEqual(new Set([runId]));
  }
  // What a starter was told before its process died holds as well.
  for (const entry of ledger) {
    if (entry.kind === "run") expect(traffic.runIds.get(entry.key)).toEqual(new Set([entry.run]));
  }
}

/** Each payload is in the log once; the value of the run says that it arrived once, in order. */
function expectPayloads({ traffic, logs }: Outcome): void {
  for (const { order, runId } of traffic.finished.filter((run) => run.order.shape === "inbox")) {
    expect(traffic.acknowledged.get(order.key)).toHaveLength(sizes.payloads);
    expect((logs.get(runId) ?? []).filter(({ type }) => type === "hook_received")).toHaveLength(sizes.payloads);
  }
}

function report({ deaths, traffic, complaints }: Outcome, { broken, ...bodies }: Verdict, folder: string): void {
  const payloads = [...traffic.acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
  console.log({ seed, folder, ...tally(deaths) });
  console.log({ runs: traffic.finished.length, payloads, stalled: traffic.stalledCount, ...bodies });
  console.log({
    broken: broken.slice(0, 20),
    failures: [...traffic.failures].slice(0, 5),
    complaints: [...complaints].slice(0, 20),
  });
}
