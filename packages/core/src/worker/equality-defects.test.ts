/** The checks of `equality.test.ts` can fail: three defects in the delivery, put in by hand, turn them red. */
import { describe, expect, it, vi } from "vitest";
import type * as guestModule from "../realm/guest-source.ts";
import type * as deliveryModule from "../replay/delivery.ts";
import { checkLog } from "./equality.testing.ts";
import { runLive } from "./generated-runs.testing.ts";
import { generateProgram } from "./program-generator.testing.ts";

const defect = vi.hoisted((): { name: "none" | "no drain" | "two results in one drain" | "wall clock" } => ({
  name: "none",
}));

vi.mock("../replay/delivery.ts", async (importOriginal) => {
  const original = await importOriginal<typeof deliveryModule>();
  const deliverAll: typeof original.deliverAll = (realm, execution, workflowId, deliveries, report) => {
    if (defect.name === "none" || defect.name === "wall clock")
      return original.deliverAll(realm, execution, workflowId, deliveries, report);
    const last = deliveries.at(-1);
    for (const delivery of deliveries) {
      const drains = defect.name === "two results in one drain" && delivery === last;
      const lazy = Object.assign(Object.create(realm) as typeof realm, { drain: () => drains && realm.drain() });
      Object.defineProperty(lazy, "port", { value: realm.port });
      original.deliverAll(lazy, execution, workflowId, [delivery], report);
      if (report.state !== "waiting") return;
    }
  };
  return { ...original, deliverAll };
});

/** The guest as it is, but for a `Date` that reads a clock of its own, as the real one does. */
vi.mock("../realm/guest-source.ts", async (importOriginal) => {
  const original = await importOriginal<typeof guestModule>();
  const clock = /const now=\(\)=>currentOrNull\(\)\?\.at\?\?0/;
  if (!clock.test(original.guestSource)) throw new Error("the guest reads its clock in another way now");
  return {
    ...original,
    get guestSource() {
      if (defect.name !== "wall clock") return original.guestSource;
      return original.guestSource.replace(clock, "let ticks=0;const now=()=>++ticks");
    },
  };
});

/** What the checks say of the first program that they refuse; null when they accept them all. */
async function firstRefusal(): Promise<string | null> {
  for (let seed = 1; seed <= 12; seed += 1) {
    try {
      checkLog(await runLive(generateProgram(seed)));
    } catch (refusal) {
      return `program ${seed}: ${refusal instanceof Error ? refusal.message : String(refusal)}`;
    }
  }
  return null;
}

describe("the equality checks", () => {
  it("accept the engine as it is", async () => {
    defect.name = "none";
    expect(await firstRefusal()).toBe(null);
  });

  it.each(["no drain", "two results in one drain", "wall clock"] as const)("refuse %s", async (name) => {
    defect.name = name;
    expect(await firstRefusal()).toMatch(/^program \d+: expected/);
  });
});
