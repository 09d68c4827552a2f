import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LateOffers } from "./late-offers.ts";

const open = new Set<string>();
const told: string[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  open.clear();
  told.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

const openOffers = () =>
  new LateOffers(
    (runId) => open.has(runId),
    (runId) => told.push(runId),
  );

describe("runs that are offered late", () => {
  it("are told once, a moment after the first of them, without those that were taken meanwhile", () => {
    const offers = openOffers();
    for (const runId of ["taken", "left"]) {
      open.add(runId);
      offers.add(runId);
      offers.add(runId);
    }
    vi.advanceTimersByTime(4);
    expect(told).toEqual([]);
    open.delete("taken");
    vi.advanceTimersByTime(1);
    expect(told).toEqual(["left"]);
    offers.add("left");
    vi.advanceTimersByTime(5);
    expect(told).toEqual(["left", "left"]);
  });

  it("are told at once when nobody stays to take them", () => {
    const offers = openOffers();
    open.add("left");
    offers.add("left");
    offers.flush();
    expect(told).toEqual(["left"]);
    vi.advanceTimersByTime(100);
    expect(told).toEqual(["left"]);
  });
});
