import { expect, test } from "vitest";
import { summarize } from "./rounds.ts";

const steps = { scenario: "sequential", n: 10, unit: "ms/step" } as const;

test("the ratio is the median of each round's own, not the ratio of the medians", () => {
  const rounds = [
    { value: 2, floor: 1 },
    { value: 30, floor: 10 },
    { value: 4, floor: 4 },
  ];
  expect(summarize(steps, rounds)).toEqual({ ...steps, value: 4, floor: 4, ratio: 2 });
});

test("a rate of half the floor's costs twice as much", () => {
  const runs = { scenario: "runs_1_step", n: 10, unit: "runs/s" } as const;
  expect(summarize(runs, [{ value: 500, floor: 1000 }])).toEqual({ ...runs, value: 500, floor: 1000, ratio: 2 });
});

test("without a floor there is no ratio", () => {
  expect(summarize(steps, [{ value: 3, floor: null }])).toEqual({ ...steps, value: 3, floor: null, ratio: null });
});
