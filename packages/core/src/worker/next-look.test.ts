import type { ClaimResult } from "@perdure/world";
import { expect, it } from "vitest";
import { untilDue } from "./next-look.ts";

const sweepMs = 1_500;
const storeNow = 1_000;
const run = { run: {}, epoch: 1 } as ClaimResult["runs"][number];

const lookOf = (claim: Partial<ClaimResult>): number =>
  untilDue({ runs: [], storeNow, nextWakeAt: null, nextLossAt: null, ...claim }, sweepMs, () => 0.5);

it.each<[string, Partial<ClaimResult>, number]>([
  ["for what is due a moment later at that moment, though nothing was due now", { nextWakeAt: storeNow + 1 }, 1],
  ["at once when there is more", { runs: [run], nextWakeAt: storeNow - 5 }, 0],
  ["after a pause for what is due and was not to be had", { nextWakeAt: storeNow }, 50],
  ["for a lease that is over before", { nextWakeAt: storeNow + 900, nextLossAt: storeNow + 10 }, 35],
  ["with the next sweep when nothing is known", {}, Number.POSITIVE_INFINITY],
])("a worker looks again %s", (_when, claim, ms) => {
  expect(lookOf(claim)).toBe(ms);
});
