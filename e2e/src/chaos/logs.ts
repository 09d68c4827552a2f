/** Reads every log back with the bundle that wrote it: it must come to what is recorded. */
import { unpackBundle } from "@perdure/core/simulation";
import type { LogEvent, World } from "@perdure/world";
import { Chance } from "perdure-sim/chance";
import type { Program } from "perdure-sim/programs";
import { ReplayRealms } from "perdure-sim/replay-realms";
import { judgeReplays } from "perdure-sim/replays";
import { wrongResult } from "perdure-sim/results";

export interface LogVerdict {
  readonly broken: readonly { readonly runId: string; readonly what: string }[];
  readonly logs: number;
  readonly events: number;
  readonly replays: number;
}

/** `programs`: by the id of their workflow. */
export async function judgeLogs(
  world: World,
  runIds: readonly string[],
  programs: ReadonlyMap<string, Program>,
): Promise<LogVerdict> {
  const chance = new Chance(runIds.length);
  const bundles = new Map<string, ReturnType<typeof unpackBundle>>();
  const realms = new ReplayRealms();
  const broken: { runId: string; what: string }[] = [];
  let [events, replays] = [0, 0];
  for (const runId of runIds) {
    const run = await world.runs.get(runId);
    const log = await readLog(world, runId);
    const bytes = run === null || bundles.has(run.bundleId) ? null : await world.bundles.get(run.bundleId);
    if (run !== null && bytes !== null) bundles.set(run.bundleId, unpackBundle(bytes));
    const bundle = bundles.get(run?.bundleId ?? "");
    const program = programs.get(run?.workflowId ?? "");
    if (bundle === undefined || program === undefined) {
      broken.push({ runId, what: "its bundle or its program is not known" });
      continue;
    }
    const { difference, replays: count } = judgeReplays({ runId, log, bundle, realms }, chance, replays === 0);
    events += log.length;
    replays += count;
    if (difference !== null) broken.push({ runId, what: `${difference.invariant}: ${difference.message}` });
    const wrong = wrongResult(log, program);
    if (wrong !== null) broken.push({ runId, what: wrong });
  }
  return { broken, logs: runIds.length, events, replays };
}

async function readLog(world: World, runId: string): Promise<readonly LogEvent[]> {
  return await world.log.read(runId, { after: 0, limit: 10_000 });
}
