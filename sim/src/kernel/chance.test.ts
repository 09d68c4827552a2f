import { expect, it } from "vitest";
import { Chance } from "./chance.ts";

it("has a stream of its own for every seed and name", () => {
  const streams = new Set<string>();
  for (let seed = 0; seed < 500; seed += 1) {
    for (let worker = 1; worker < 10; worker += 1) streams.add(Chance.of(seed, `worker-${worker}`).bytes(8).join());
  }
  expect(streams.size).toBe(500 * 9);
});

it("draws the same again, evenly", () => {
  const draws = (chance: Chance): number[] => Array.from({ length: 10_000 }, () => chance.next());
  const first = draws(Chance.of(1, "even"));
  expect(draws(Chance.of(1, "even"))).toEqual(first);
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const count = first.filter((draw) => Math.floor(draw * 10) === tenth).length;
    expect(count).toBeGreaterThan(850);
    expect(count).toBeLessThan(1_150);
  }
});
