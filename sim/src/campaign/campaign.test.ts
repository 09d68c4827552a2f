/**
 * The schedules of every test run. The figures are printed, and they are floors as well: a campaign that never reaches a
 * probe, or whose programs have lost a kind of statement, proves less than it seems to.
 */
import { expect, it } from "vitest";
import { campaignText, unreached } from "../report/campaign-text.ts";
import { runCampaign } from "./campaign.ts";

const count = process.env["PERDURE_LONG"] === "1" ? 20_000 : 2_000;
const msMax = 60 * 60_000;

it(`${count} schedules under faults break no invariant`, { timeout: msMax }, async () => {
  const beganAt = performance.now();
  const summary = await runCampaign({ from: 0, count });
  process.stdout.write(`${campaignText(summary, (performance.now() - beganAt) / 1_000)}\n`);
  expect(summary.red).toEqual([]);
  expect(summary.unrepeatable).toEqual([]);
  expect(summary.schedules).toBe(count);
  expect(summary.selfChecks).toBe(count / 100);
  expect(unreached(summary).probes).toEqual([]);
  expect(summary.runs).toBeGreaterThan(count);
  expect(summary.replays).toBeGreaterThan(count * 8);
  expect(summary.kinds["floating"] ?? 0).toBeGreaterThan(summary.programs / 2);
  expect(summary.confluentPrograms).toBeGreaterThan(summary.programs / 4);
});
