/**
 * Chaos over a real server: `pnpm chaos --minutes 60 --seed 1 --workers 4`. Ends with 1, the seed and the way to look when a
 * promise was broken. A long time is cut into rounds of two minutes, each on a new database with a seed of its own.
 */
import { parseArgs } from "node:util";
import { runChaos } from "./experiment.ts";
import { faultKinds } from "./fault-plan.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    workers: { type: "string", default: "4" },
  },
});

const roundSeconds = 120;
const totalSeconds = Number(values.minutes) * 60;
const workers = Number(values.workers);
if (!(totalSeconds > 0 && Number.isInteger(Number(values.seed)) && workers >= 1)) {
  console.error("Usage: pnpm chaos [--minutes 60] [--seed 1] [--workers 4]");
  process.exit(2);
}

for (let done = 0, round = 0; done < totalSeconds; done += roundSeconds, round += 1) {
  const seconds = Math.min(roundSeconds, totalSeconds - done);
  const seed = Number(values.seed) + round;
  const outcome = await runChaos({ seed, seconds, workers });
  const { faults } = outcome;
  const perMinute = (count: number): number => Math.round((count * 60) / seconds);
  console.log({
    seed,
    seconds,
    faultsPerMinute: perMinute(faultKinds.reduce((sum, kind) => sum + faults[kind], 0)),
    restartsPerMinute: perMinute(faults.kill + faults.restart),
    ...outcome,
  });
  if (outcome.broken.length === 0) continue;
  for (const what of outcome.broken) console.error(`\n${what}`);
  console.error(`\nSeed ${seed}, ${seconds} s: ${outcome.broken.length} broken promises. Kept: ${outcome.kept}`);
  process.exit(1);
}
