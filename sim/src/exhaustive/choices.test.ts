import { expect, it } from "vitest";
import { Choices } from "./choices.ts";

/** All words over an alphabet that shrinks letter by letter. */
function words(): readonly string[] {
  const found: string[] = [];
  for (let list: readonly number[] | null = []; list !== null; ) {
    const choices: Choices = new Choices(list);
    const letters = [choices.pick(3), choices.pick(1), choices.pick(2)];
    found.push(letters.join(""));
    list = choices.next();
  }
  return found;
}

it("meets every path once, depth first", () => {
  expect(words()).toEqual(["000", "001", "100", "101", "200", "201"]);
});

it("takes a path again by its list", () => {
  const choices = new Choices([2, 1]);
  expect([choices.pick(3), choices.pick(2), choices.pick(2)]).toEqual([2, 1, 0]);
  expect(choices.list).toEqual([2, 1, 0]);
  expect(choices.next()).toEqual([2, 1, 1]);
});

it("refuses a list that is of another tree", () => {
  expect(() => new Choices([2]).pick(2)).toThrow(RangeError);
});
