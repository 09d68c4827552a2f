/** Order statistics of measurements. */
import { invariant } from "@perdure/errors";

/** The middle value, or the mean of the two in the middle. Throws for an empty list. */
export function median(values: readonly number[]): number {
  return (percentile(values, 50) + upperMiddle(values)) / 2;
}

/** The smallest value that at least `percent` percent of the values do not exceed (nearest rank). Throws for an empty list. */
export function percentile(values: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * values.length));
  return at(values, rank - 1);
}

const upperMiddle = (values: readonly number[]): number => at(values, values.length >> 1);

function at(values: readonly number[], index: number): number {
  const value = values.toSorted((a, b) => a - b)[index];
  invariant(value !== undefined, "An order statistic of no values was asked for.");
  return value;
}
