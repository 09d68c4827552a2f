/** What the guard against runaway code costs at every entry of a realm. */
import vm from "node:vm";
import { createGuard } from "@perdure/core";
import { invariant } from "@perdure/errors";
import { type Round, summarize } from "../rounds.ts";
import type { ScenarioContext } from "../scenario.ts";

/** As a worker has it by default, in milliseconds. */
const turnLimitMs = 2_000;

const usPerMs = 1_000;

export async function run(context: ScenarioContext): Promise<void> {
  const { sizes, rounds } = context.order;
  const guard = createGuard();
  await guard.ready();
  const drain = realmDrain();
  const guarded = (): void => {
    invariant(guard.run(drain, turnLimitMs) === "done", "An empty call was stopped.");
  };
  for (const n of sizes) {
    repeat(drain, n);
    repeat(guarded, n);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const floorMs = repeat(drain, n);
      const ms = await context.timed(String(n), async () => {
        repeat(guarded, n);
      });
      measured.push({ value: (usPerMs * ms) / n, floor: (usPerMs * floorMs) / n });
    }
    context.report(summarize({ scenario: "guard", n, unit: "us/call" }, measured));
  }
  await guard.close();
}

/** The least that a delivery does: an evaluation in a realm of its own microtask queue, which drains it. */
function realmDrain(): () => void {
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, { microtaskMode: "afterEvaluate" });
  const script = new vm.Script("0", { filename: "bench:drain" });
  return () => {
    script.runInContext(context);
  };
}

function repeat(work: () => void, count: number): number {
  const start = performance.now();
  for (let index = 0; index < count; index += 1) work();
  return performance.now() - start;
}
