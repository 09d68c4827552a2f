/** When a worker looks again for what it could take. */
import type { ClaimResult } from "@perdure/world";

/** Workers that see the same lease end look within so many milliseconds, and not at one moment. */
const spreadMs = 50;

/** Runs that are due but that others are just taking are looked for again after about this many milliseconds. */
const takenPauseMs = 50;

/** Milliseconds until the next lease may be over; infinity when a sweep comes before. */
export function untilLoss(
  { nextLossAt, storeNow }: Pick<ClaimResult, "nextLossAt" | "storeNow">,
  sweepMs: number,
  random: () => number,
): number {
  if (nextLossAt === null || nextLossAt - storeNow >= sweepMs) return Number.POSITIVE_INFINITY;
  return Math.max(0, nextLossAt - storeNow) + Math.round(spreadMs * random());
}

/** Milliseconds until it is worth to look again after a claim. What is due and was not to be had, others are just taking. */
export function untilDue(claim: ClaimResult, sweepMs: number, random: () => number): number {
  const { runs, nextWakeAt, storeNow } = claim;
  const lossMs = untilLoss(claim, sweepMs, random);
  if (nextWakeAt === null) return lossMs;
  if (nextWakeAt > storeNow) return Math.min(lossMs, nextWakeAt - storeNow);
  return Math.min(lossMs, runs.length > 0 ? 0 : Math.round(takenPauseMs * (0.5 + random())));
}
