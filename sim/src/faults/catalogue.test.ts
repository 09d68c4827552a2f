import { describe, expect, it } from "vitest";
import { faults, impossible, possiblePairs, probes } from "./catalogue.ts";
import { Coverage } from "./coverage.ts";
import { planOf } from "./plan.ts";
import { Striker } from "./striker.ts";

describe("the catalogue of faults", () => {
  it("has a place for every fault, a fault for every probe, and a reason for every pair that is left out", () => {
    for (const fault of faults) expect(possiblePairs.some(([, other]) => other === fault)).toBe(true);
    for (const probe of probes) expect(possiblePairs.some(([other]) => other === probe)).toBe(true);
    for (const probe of probes) {
      for (const fault of faults) {
        const isPossible = possiblePairs.some(([a, b]) => a === probe && b === fault);
        expect(isPossible).toBe(impossible(probe, fault) === null);
        if (!isPossible) expect(impossible(probe, fault)?.length).toBeGreaterThan(10);
      }
    }
  });

  it("is aimed at in full: every pair is the target of some seed", () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < possiblePairs.length; seed += 1) {
      for (const { probe, fault } of planOf(seed).targets) seen.add(`${probe}|${fault}`);
    }
    expect(seen.size).toBe(possiblePairs.length);
  });
});

describe("plans", () => {
  it("switch each fault off in about half of the seeds", () => {
    const plans = Array.from({ length: 400 }, (_, seed) => planOf(seed));
    for (const fault of faults) {
      const off = plans.filter(({ rates }) => rates[fault] === 0).length;
      expect(off, fault).toBeGreaterThan(140);
      expect(off, fault).toBeLessThan(280);
    }
  });

  it("have somebody to take over where a process stands still", () => {
    const plans = Array.from({ length: 400 }, (_, seed) => planOf(seed));
    const pausing = plans.filter(({ targets }) => targets.some(({ fault }) => fault === "pause"));
    expect(pausing.length).toBeGreaterThan(40);
    for (const { processCount } of pausing) expect(processCount).toBeGreaterThan(1);
  });

  it("are the same for the same seed, and less for the same seed cut down", () => {
    expect(planOf(77)).toEqual(planOf(77));
    const cut = planOf(77, { without: faults, runs: 1, processes: 1, targets: false });
    expect(Object.values(cut.rates).every((rate) => rate === 0)).toBe(true);
    expect([cut.runs.length, cut.processCount, cut.targets]).toEqual([1, 1, []]);
  });
});

describe("the striker", () => {
  it("strikes a target for certain at its pass, and nothing once it is off", () => {
    const quiet = planOf(5, { without: faults, targets: false });
    const striker = new Striker({ ...quiet, targets: [{ probe: "claim:sent", fault: "crash", nth: 2 }] });
    expect(striker.pass("claim:sent")).toEqual([]);
    expect(striker.pass("claim:sent")).toEqual(["crash"]);
    expect(striker.pass("claim:sent")).toEqual([]);
    const silent = new Striker({ ...quiet, targets: [{ probe: "claim:sent", fault: "crash", nth: 1 }] });
    silent.isActive = false;
    expect(silent.pass("claim:sent")).toEqual([]);
  });

  it("draws for each fault from a stream of its own: without one fault the others strike as before", () => {
    const passes = (without: "delay" | null): string => {
      const plan = { ...planOf(9), targets: [] };
      const rates = { ...plan.rates, refused: 0.2, "lost request": 0.2, delay: without === null ? 0.3 : 0 };
      const striker = new Striker({ ...plan, rates });
      const struck = Array.from({ length: 50 }, () => striker.pass("poll:sent"));
      return struck.map((faults) => faults.filter((fault) => fault !== "delay").join("+")).join(",");
    };
    expect(passes("delay")).toBe(passes(null));
  });
});

describe("coverage", () => {
  it("adds up, and names what was reached too seldom", () => {
    const one = new Coverage();
    one.hit("timer");
    one.struck("timer", "crash");
    const sum = new Coverage();
    sum.add(one.counts());
    sum.add(one.counts());
    expect(sum.strikeCount).toBe(2);
    expect(sum.byFault()).toEqual([["crash", 2]]);
    expect(sum.probesBelow(3)).toContainEqual(["timer", 2]);
    expect(sum.probesBelow(2)).not.toContainEqual(["timer", 2]);
    expect(sum.pairsBelow(2)).not.toContainEqual(["timer|crash", 2]);
  });
});
