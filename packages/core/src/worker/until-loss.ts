/** When a worker looks for what a lost one has held. */
import type { ClaimResult } from "@perdure/world";

/** Workers that see the same lease end look within so many milliseconds, and not at one moment. */
const spreadMs = 50;

/** Milliseconds until the next lease may be over; infinity when a sweep comes before. */
export function untilLoss(
  { nextLossAt, storeNow }: Pick<ClaimResult, "nextLossAt" | "storeNow">,
  sweepMs: number,
  random: () => number,
): number {
  if (nextLossAt === null || nextLossAt - storeNow >= sweepMs) return Number.POSITIVE_INFINITY;
  return Math.max(0, nextLossAt - storeNow) + Math.round(spreadMs * random());
}
