/**
 * Rounds: the floor and the measured thing take turns, so that whatever else the machine does meets both. What is
 * reported are medians over the rounds, and the median of each round's own ratio.
 */
import { median } from "./median.ts";
import { isRate, type Measurement, type Unit } from "./row.ts";

/** One round's figures, in the scenario's unit. */
export interface Round {
  readonly value: number;
  readonly floor: number | null;
}

/** What the rounds of a scenario say together. */
export function summarize(
  subject: { readonly scenario: string; readonly n: number; readonly unit: Unit },
  rounds: readonly Round[],
): Measurement {
  const floors = rounds.flatMap(({ floor }) => (floor === null ? [] : [floor]));
  const ratios = rounds.flatMap(({ value, floor }) => (floor === null ? [] : [ratioOf(subject.unit, value, floor)]));
  return {
    ...subject,
    value: median(rounds.map(({ value }) => value)),
    floor: floors.length === 0 ? null : median(floors),
    ratio: ratios.length === 0 ? null : median(ratios),
  };
}

/** Cost over cost: a rate is the inverse of one. */
function ratioOf(unit: Unit, value: number, floor: number): number {
  return isRate(unit) ? floor / value : value / floor;
}
