/**
 * Workers are killed and suspended, connections are cut and the server crashes, several times a second, over generated
 * programs with hooks and cancellations. Tables and an outside ledger judge: nothing that was acknowledged is lost, no
 * completed step runs again, every log replays, every run ends.
 *
 * `pnpm chaos --minutes 60` does it for longer. `PERDURE_SEED` repeats a plan.
 */
import { expect, test } from "vitest";
import { runChaos } from "./chaos/experiment.ts";
import { faultKinds } from "./chaos/fault-plan.ts";

const seconds = 50;
const seed = Number(process.env["PERDURE_SEED"] ?? Date.now() % 1_000_000);

test(`${seconds} seconds of chaos lose nothing and repeat nothing that was acknowledged`, async () => {
  const outcome = await runChaos({ seed, seconds, workers: 4 });
  console.log({ seed, ...outcome });

  expect(outcome.broken).toEqual([]);
  const { faults, runs, acknowledged } = outcome;
  for (const kind of faultKinds) if (kind !== "restart") expect(faults[kind]).toBeGreaterThan(0);
  expect(runs.ended).toBe(runs.ordered);
  expect(acknowledged.starts).toBeGreaterThanOrEqual(runs.ordered);
  expect(acknowledged.payloads).toBeGreaterThan(0);
}, 300_000);
