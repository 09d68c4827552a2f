import { describe, expect, it } from "vitest";
import { ClockEstimate } from "./clock-estimate.ts";

describe("an estimate of a store's clock", () => {
  it("is unknown before the first reading", () => {
    expect(new ClockEstimate().offsetMs).toBeNull();
  });

  it("goes by the reading that travelled least", () => {
    const estimate = new ClockEstimate();
    estimate.observe(1_000, 0);
    estimate.observe(1_020, 50);
    expect(estimate.offsetMs).toBe(1_000);
    estimate.observe(1_063, 60);
    expect(estimate.offsetMs).toBe(1_003);
  });

  it("lets a reading count for five to ten seconds, so that clocks of unequal pace do not part", () => {
    const estimate = new ClockEstimate();
    for (let now = 0; now <= 60_000; now += 1_000) {
      estimate.observe(now / 2, now);
      const aheadMs = now + (estimate.offsetMs ?? 0) - now / 2;
      expect(aheadMs).toBeGreaterThanOrEqual(0);
      expect(aheadMs).toBeLessThanOrEqual(5_000);
    }
  });

  it("does not count what was said before a long silence", () => {
    const estimate = new ClockEstimate();
    estimate.observe(1_000, 0);
    estimate.observe(60_500, 60_000);
    expect(estimate.offsetMs).toBe(500);
  });

  it("believes the store that refuses it", () => {
    const estimate = new ClockEstimate();
    estimate.observe(1_000, 0);
    estimate.observe(6_000, 5_000);
    estimate.correct(400, 5_001);
    expect(estimate.offsetMs).toBe(-4_601);
  });
});
