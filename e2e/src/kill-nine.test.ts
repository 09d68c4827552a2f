/**
 * Workers are killed with SIGKILL over running jobs, 200 times, at any moment and at named points. An outside ledger judges: no step
 * whose result was acknowledged runs again, no run is lost, every run ends with the value that it should have.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { expectedValue } from "./crash/expected.ts";
import { type Outcome, runExperiment } from "./crash/experiment.ts";
import { killPlan, points } from "./crash/kill-plan.ts";
import { tally } from "./crash/kill-tally.ts";
import { sizes } from "./crash/sizes.ts";
import { judge, type Verdict } from "./crash/verdict.ts";

const isLong = process.env["PERDURE_LONG"] === "1";
const killCount = Number(process.env["PERDURE_KILLS"] ?? (isLong ? 2_000 : 200));
const seed = Number(process.env["PERDURE_SEED"] ?? Date.now() % 1_000_000);

test(
  `${killCount} kills lose nothing and repeat nothing that was acknowledged (seed ${seed})`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "perdure-kill-"));
    const outcome = await runExperiment(folder, killPlan(killCount, seed));
    const { deaths, traffic, ledger, logs } = outcome;
    const verdict = judge(ledger, logs);
    const kills = tally(deaths);
    report(outcome, verdict);

    expect(verdict.broken).toEqual([]);
    expect(deaths).toHaveLength(killCount);
    expect(kills.inFlight / killCount).toBeGreaterThanOrEqual(0.3);
    expect(Object.values(kills.byPlace)).not.toContain(0);
    expect(Math.min(kills.struck.committed, kills.struck.lost)).toBeGreaterThan(0);

    // No run is lost, none is doubled, and each has its value.
    expect([...logs.keys()].sort()).toEqual(traffic.finished.map(({ runId }) => runId).sort());
    expect(new Set(logs.keys())).toEqual(new Set([...traffic.runIds.values()].flatMap((ids) => [...ids])));
    expect(traffic.finished).toHaveLength(traffic.orders.size);
    for (const { kind, ...entry } of ledger) {
      if (kind === "run" && "key" in entry) expect(traffic.runIds.get(entry.key)).toEqual(new Set([entry.run]));
    }
    for (const { order, value } of traffic.finished) {
      expect([order.key, value]).toEqual([order.key, expectedValue(order.shape, order.seed)]);
    }

    // Each acknowledged payload is in its log once, in order, and the value above says that it arrived once, in order.
    for (const { order, runId } of traffic.finished.filter((run) => run.order.shape === "inbox")) {
      expect(traffic.acknowledged.get(order.key)).toHaveLength(sizes.payloads);
      expect((logs.get(runId) ?? []).filter(({ type }) => type === "hook_received")).toHaveLength(sizes.payloads);
    }
    onTestFinished(() => rmSync(folder, { recursive: true }));
  },
  killCount * 5_000 + 120_000,
);

function report({ deaths, traffic, complaints }: Outcome, { broken, ...counts }: Verdict): void {
  const { byPlace, inFlight, struck } = tally(deaths);
  const payloads = [...traffic.acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
  console.log({ seed, kills: byPlace, inFlightShare: inFlight / deaths.length, struck });
  console.log({ runs: traffic.finished.length, payloads, stalled: traffic.stalledCount, ...counts, broken });
  console.log([...complaints]);
  console.log(`${points.length} named points`);
}
