/** The experiment: workers one after the other, each killed as planned, over runs that never stop coming. */
import type { LogEvent } from "@perdure/world";
import type { World } from "perdure/api";
import { createLocalWorld } from "perdure/config";
import { ledgerPath, storePath } from "./environment.ts";
import type { Kill } from "./kill-plan.ts";
import { type Death, isCommitted } from "./kill-tally.ts";
import { type LedgerEntry, readLedger } from "./ledger.ts";
import { Traffic } from "./traffic.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Workers that are loaded ahead, so that the next one works as soon as one is dead. */
const aheadMax = 2;

/** A worker that does not come to its point is killed after this many milliseconds. */
const patienceMs = 6_000;

export interface Outcome {
  readonly deaths: readonly Death[];
  readonly traffic: Traffic;
  readonly ledger: readonly LedgerEntry[];
  readonly logs: ReadonlyMap<string, readonly LogEvent[]>;
  /** What the workers wrote to stderr, each different line once. */
  readonly complaints: ReadonlySet<string>;
}

/** Kills as many workers as there are kills, lets one more finish what is left, and gathers what there is to judge. */
export async function runExperiment(folder: string, kills: readonly Kill[]): Promise<Outcome> {
  const world = await createLocalWorld({ path: storePath(folder) });
  const traffic = new Traffic(world);
  const last: Kill = { kind: "timed", afterMs: Number.POSITIVE_INFINITY, afterProgress: false };
  const spawned: WorkerProcess[] = [];
  const spawnNext = (): void => {
    const kill = [...kills, last][spawned.length];
    if (kill !== undefined) spawned.push(new WorkerProcess({ folder, number: spawned.length, kill }));
  };
  try {
    const deaths: Death[] = [];
    for (const [number, kill] of [...kills, last].entries()) {
      while (spawned.length < Math.min(number + 1 + aheadMax, kills.length + 1)) spawnNext();
      const worker = spawned[number];
      if (worker === undefined) break;
      await worker.loaded;
      traffic.assign(worker);
      worker.work();
      if (kill === last) await traffic.settle();
      else deaths.push(await die(worker, kill, { world, traffic }));
    }
    const logs = await readLogs(world);
    const complaints = new Set(
      spawned.flatMap((worker) => worker.complaints.split("\n")).filter((line) => line !== ""),
    );
    return { deaths, traffic, ledger: readLedger(ledgerPath(folder)), logs, complaints };
  } finally {
    for (const worker of spawned) worker.kill();
    await Promise.all(spawned.map(({ ended }) => ended));
    await world.close();
  }
}

async function die(
  worker: WorkerProcess,
  kill: Kill,
  { world, traffic }: { readonly world: World; readonly traffic: Traffic },
): Promise<Death> {
  if (kill.kind === "timed" && kill.afterProgress) await traffic.progress();
  const afterMs = kill.kind === "timed" ? kill.afterMs : patienceMs;
  const timer = setTimeout(() => worker.kill(), afterMs);
  const signal = await worker.ended;
  clearTimeout(timer);
  if (signal !== "SIGKILL") throw new Error(`A worker ended by itself:\n${worker.complaints}`);
  const status = worker.status();
  const isStruck = status.reached?.endsWith("-in-flight") === true && status.struck !== null;
  return { kill, status, isCommitted: isStruck ? await isCommitted(world, status.struck) : null };
}

async function readLogs(world: World): Promise<ReadonlyMap<string, readonly LogEvent[]>> {
  const logs = new Map<string, readonly LogEvent[]>();
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<World["runs"]["list"]>> = await world.runs.list({
      limit: 100,
      ...(cursor === null ? {} : { cursor }),
    });
    for (const { runId } of page.items) logs.set(runId, await world.log.read(runId, { after: 0, limit: 10_000 }));
    cursor = page.cursor;
  } while (cursor !== null);
  return logs;
}
