/** What is judged when an experiment is over, from the tables and the ledger. */
import { readLedger } from "../crash/ledger.ts";
import { ledgerPath } from "./assignment.ts";
import { type BodyVerdict, judgeBodies, type StepLine, stepLinesSql } from "./bodies.ts";
import { judgeLogs, type LogVerdict } from "./logs.ts";
import type { Scene } from "./scene.ts";
import { storePromises } from "./store-promises.ts";

export interface Verdict {
  /** Every promise that was broken, with the SQL that shows it where there is one. */
  readonly broken: readonly string[];
  readonly runs: { readonly ordered: number; readonly ended: number; readonly stalled: number };
  readonly acknowledged: { readonly starts: number; readonly payloads: number; readonly cancels: number };
  readonly bodies: Omit<BodyVerdict, "broken">;
  readonly logs: Omit<LogVerdict, "broken">;
  /** Worker processes that ended by themselves. */
  readonly workersWithoutStore: number;
}

export async function judge({ books, folder, traffic, workforce, programs, world }: Scene): Promise<Verdict> {
  const ledger = readLedger(ledgerPath(folder));
  const { promises } = traffic;
  const broken: string[] = [];
  for (const { promise, sql, values } of storePromises(promises, ledger)) {
    const rows = await books.rows(sql, values);
    if (rows.length > 0)
      broken.push(`Not so: ${promise}. ${rows.length} rows: ${JSON.stringify(rows.slice(0, 3))}\n${sql}`);
  }
  const bodies = judgeBodies(ledger, await books.rows<StepLine>(stepLinesSql));
  const runs = await books.runs();
  const byWorkflow = new Map(programs.map(({ program, module }) => [module.workflowId, program]));
  const logs = await judgeLogs(
    world,
    runs.map((run) => run.run_id),
    byWorkflow,
  );
  broken.push(...bodies.broken.map((what) => withLook(what, what.match(/wrun_\w+/)?.[0] ?? "")));
  broken.push(...logs.broken.map(({ runId, what }) => withLook(`The log of ${runId} does not replay: ${what}`, runId)));
  broken.push(...[...workforce.complaints].map((line) => `A worker complains: ${line}`));
  broken.push(...[...traffic.failures].map((text) => `A client was refused: ${text}`));
  if (traffic.endedCount < traffic.orderCount)
    broken.push(`${traffic.orderCount - traffic.endedCount} runs did not end.`);
  const { broken: _bodies, ...bodyCounts } = bodies;
  const { broken: _logs, ...logCounts } = logs;
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
    workersWithoutStore: workforce.endedThemselves,
  };
}

const withLook = (what: string, runId: string): string =>
  `${what}\nSELECT position, type, correlation_id, epoch, at, data FROM perdure.events WHERE run_id = '${runId}' ORDER BY position`;
