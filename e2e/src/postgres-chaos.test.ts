/**
 * Workers are killed and suspended, connections are cut and the server crashes, several times a second, over generated
 * programs with hooks, background steps, streams and cancellations. Tables and an outside ledger judge: nothing that was
 * acknowledged is lost, no completed step runs again, every log replays, every run ends, and readers of a stream see all of
 * it in order.
 *
 * `pnpm chaos --minutes 60` does it for longer, `pnpm chaos --kills 100` kills more workers. `PERDURE_SEED` repeats a plan.
 */
import { expect, test } from "vitest";
import { runChaos, runRecovery } from "./chaos/experiment.ts";
import { faultKinds } from "./chaos/fault-plan.ts";
import { percentile } from "./chaos/recovery.ts";

const seconds = 60;
const kills = 5;
const seed = Number(process.env["PERDURE_SEED"] ?? Date.now() % 1_000_000);
const onKept = (where: string): void => console.log(`Seed ${seed}. Kept: ${where}`);

/** A bound of liveness, many times what it takes. */
const timeoutMs = 300_000;

test(
  `${seconds} seconds of chaos lose nothing and repeat nothing that was acknowledged`,
  async () => {
    const outcome = await runChaos({ seed, seconds, workers: 4, onKept });
    console.log({ seed, ...outcome });

    expect(outcome.broken).toEqual([]);
    const { faults, runs, acknowledged, bodies, streams } = outcome;
    // A server of somebody else is not restarted.
    const isOwn = process.env["PERDURE_TEST_POSTGRES_URL"] === undefined;
    const struck = faultKinds.filter((kind) => faults[kind] > 0);
    expect(struck).toEqual(faultKinds.filter((kind) => isOwn || kind !== "restart"));
    expect(runs.ended).toBe(runs.ordered);
    expect(acknowledged.starts).toBeGreaterThanOrEqual(runs.ordered);
    expect(acknowledged.payloads).toBeGreaterThan(0);
    expect(acknowledged.cancels).toBeGreaterThan(0);
    expect(bodies.begunInBackground).toBeGreaterThan(0);
    expect(streams.acknowledged).toBeGreaterThan(0);
    expect(streams.followed).toBe(runs.ordered);
  },
  timeoutMs,
);

test(
  `the runs of ${kills} killed workers go on in others`,
  async () => {
    const { recovery, broken } = await runRecovery({ seed, kills, workers: 3, onKept });
    const { runsMs, restartsMs, lost } = recovery;
    console.log({ runs: runsMs.length, p50: percentile(runsMs, 0.5), most: percentile(runsMs, 1) });

    expect(broken).toEqual([]);
    expect(lost).toEqual([]);
    expect(runsMs.length).toBeGreaterThanOrEqual(kills);
    expect(restartsMs.length).toBeGreaterThan(0);
  },
  timeoutMs,
);
