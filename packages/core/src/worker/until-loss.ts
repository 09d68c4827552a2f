/** When a worker looks for what a lost one has held. */
import type { ClaimResult } from "@perdure/world";

/** Workers that see the same lease end look within so many milliseconds, and not at one moment. */
const spreadMs = 50;

/** Milliseconds until the next lease may be over. `draw`: from 0 to 1. */
export function untilLoss(
  { nextLossAt, storeNow }: Pick<ClaimResult, "nextLossAt" | "storeNow">,
  draw: number,
): number {
  return nextLossAt === null
    ? Number.POSITIVE_INFINITY
    : Math.max(0, nextLossAt - storeNow) + Math.round(spreadMs * draw);
}
