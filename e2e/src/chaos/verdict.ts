/** What is judged when an experiment is over, from the tables and the ledger. */
import { readLedger } from "../crash/ledger.ts";
import { ledgerPath } from "./assignment.ts";
import { type BodyVerdict, backgroundSteps, judgeBodies, type StepLine, stepLinesSql } from "./bodies.ts";
import type { ChaosEntry, UnsignedChaosEntry } from "./ledger-entries.ts";
import { judgeLogs, type LogVerdict } from "./logs.ts";
import type { Scene } from "./scene.ts";
import { storePromises } from "./store-promises.ts";
import { type ChunkLine, chunkLinesSql, type StreamLine, streamLinesSql } from "./stored-streams.ts";
import { judgeStreams, type StreamVerdict } from "./stream-verdict.ts";

export interface Verdict {
  /** Every promise that was broken, with the SQL that shows it where there is one. */
  readonly broken: readonly string[];
  readonly runs: { readonly ordered: number; readonly ended: number; readonly stalled: number };
  readonly acknowledged: { readonly starts: number; readonly payloads: number; readonly cancels: number };
  readonly bodies: Omit<BodyVerdict, "broken">;
  readonly logs: Omit<LogVerdict, "broken">;
  /** `followed`: streams that a reader followed to their end. */
  readonly streams: Omit<StreamVerdict, "broken"> & { readonly followed: number };
  /** Worker processes that ended by themselves. */
  readonly workersWithoutStore: number;
}

export async function judge(scene: Scene): Promise<Verdict> {
  const { books, folder, traffic, workforce, programs, world } = scene;
  const ledger = readLedger<UnsignedChaosEntry>(ledgerPath(folder));
  const { promises } = traffic;
  const broken: string[] = [];
  for (const { promise, sql, values } of storePromises(promises, ledger)) {
    const rows = await books.rows(sql, values);
    if (rows.length > 0)
      broken.push(`Not so: ${promise}. ${rows.length} rows: ${JSON.stringify(rows.slice(0, 3))}\n${sql}`);
  }
  const lines = await books.rows<StepLine>(stepLinesSql);
  const bodies = judgeBodies(ledger, lines);
  const streams = await streamsOf(scene, ledger, lines);
  const runs = await books.runs();
  const byWorkflow = new Map(programs.map(({ program, module }) => [module.workflowId, program]));
  const logs = await judgeLogs(
    world,
    runs.map((run) => run.run_id),
    byWorkflow,
  );
  broken.push(...bodies.broken.map((what) => withLook(what, what.match(/wrun_\w+/)?.[0] ?? "")));
  broken.push(...streams.broken);
  broken.push(...logs.broken.map(({ runId, what }) => withLook(`The log of ${runId} does not replay: ${what}`, runId)));
  broken.push(...[...workforce.complaints].map((line) => `A worker complains: ${line}`));
  broken.push(...[...traffic.failures].map((text) => `A client was refused: ${text}`));
  if (traffic.endedCount < traffic.orderCount)
    broken.push(`${traffic.orderCount - traffic.endedCount} runs did not end.`);
  const { broken: _bodies, ...bodyCounts } = bodies;
  const { broken: _logs, ...logCounts } = logs;
  const { broken: _streams, ...streamCounts } = streams;
  return {
    broken,
    runs: { ordered: traffic.orderCount, ended: traffic.endedCount, stalled: traffic.stalledCount },
    acknowledged: {
      starts: promises.starts.length,
      payloads: promises.payloads.length,
      cancels: promises.cancels.length,
    },
    bodies: bodyCounts,
    logs: logCounts,
    streams: { ...streamCounts, followed: scene.readers.followedCount },
    workersWithoutStore: workforce.endedThemselves,
  };
}

async function streamsOf(
  { books, readers }: Scene,
  ledger: readonly ChaosEntry[],
  lines: readonly StepLine[],
): Promise<StreamVerdict> {
  const verdict = judgeStreams({
    ledger,
    chunks: await books.rows<ChunkLine>(chunkLinesSql),
    streams: await books.rows<StreamLine>(streamLinesSql),
    sightings: readers.sightings,
    background: backgroundSteps(lines),
  });
  const unread = readers.followingCount - readers.followedCount;
  const late = unread === 0 ? [] : [`${unread} streams were not read to their end.`];
  return { ...verdict, broken: [...verdict.broken, ...readers.failures, ...late] };
}

const withLook = (what: string, runId: string): string =>
  `${what}\nSELECT position, type, correlation_id, epoch, at, data FROM perdure.events WHERE run_id = '${runId}' ORDER BY position`;
