/**
 * Chaos over a real server: `pnpm chaos --minutes 60`, or `pnpm chaos --kills 100` for the time that runs stand still after
 * their worker was killed. `--seed` repeats a plan, `--workers` sets how many there are. Ends with 1, the seed and the way to
 * look when a promise was broken. A long time is cut into rounds of two minutes, each on a new database with the next seed.
 */
import { parseArgs } from "node:util";
import { type ChaosOutcome, type RecoveryOutcome, runChaos, runRecovery } from "./experiment.ts";
import { faultKinds } from "./fault-plan.ts";
import { percentile } from "./recovery.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    kills: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    workers: { type: "string", default: "4" },
  },
});

const roundSeconds = 120;
const totalSeconds = Number(values.minutes) * 60;
const workers = Number(values.workers);
const kills = values.kills === undefined ? null : Number(values.kills);
const firstSeed = Number(values.seed);
if (!(totalSeconds > 0 && Number.isInteger(firstSeed) && workers >= 1 && (kills ?? 1) >= 1)) {
  console.error("Usage: pnpm chaos [--minutes 60 | --kills 100] [--seed 1] [--workers 4]");
  process.exit(2);
}

/** Says what is broken, and ends with 1, when anything is. */
function assertWhole({ broken }: ChaosOutcome | RecoveryOutcome, seed: number, kept: string): void {
  if (broken.length === 0) return;
  for (const what of broken) console.error(`\n${what}`);
  console.error(`\nSeed ${seed}: ${broken.length} broken promises. Kept: ${kept}`);
  process.exit(1);
}

async function chaos(seed: number, seconds: number): Promise<void> {
  let kept = "";
  const onKept = (where: string): void => {
    kept = where;
  };
  const outcome = await runChaos({ seed, seconds, workers, onKept });
  const { faults } = outcome;
  const perMinute = (count: number): number => Math.round((count * 60) / seconds);
  console.log({
    seed,
    seconds,
    faultsPerMinute: perMinute(faultKinds.reduce((sum, kind) => sum + faults[kind], 0)),
    restartsPerMinute: perMinute(faults.kill + faults.restart),
    ...outcome,
  });
  assertWhole(outcome, seed, kept);
}

async function recovery(seed: number, count: number): Promise<void> {
  let kept = "";
  const onKept = (where: string): void => {
    kept = where;
  };
  const outcome = await runRecovery({ seed, kills: count, workers, onKept });
  const { runsMs, jobsMs, restartsMs, lost } = outcome.recovery;
  const of = (pausesMs: readonly number[]) => {
    const [p50, p99, most] = [0.5, 0.99, 1].map((share) => percentile(pausesMs, share));
    return { count: pausesMs.length, p50, p99, most };
  };
  const recovery = { kills: count, runs: of(runsMs), jobs: of(jobsMs), restarts: of(restartsMs), lost };
  console.log({ ...outcome, seed, recovery });
  assertWhole(outcome, seed, kept);
}

if (kills === null) {
  for (let done = 0, seed = firstSeed; done < totalSeconds; done += roundSeconds, seed += 1) {
    await chaos(seed, Math.min(roundSeconds, totalSeconds - done));
  }
} else {
  await recovery(firstSeed, kills);
}
