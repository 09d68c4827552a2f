/** The experiment: a server, workers and clients, faults from a seed, and what there is to judge afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPostgresWorld } from "@perdure/world-postgres";
import { CuttingProxy, startServer, type TestServer, withClient } from "@perdure/world-postgres/testing";
import { readLedger } from "../crash/ledger.ts";
import { ledgerPath } from "./assignment.ts";
import { type BodyVerdict, judgeBodies, type StepLine, stepLinesSql } from "./bodies.ts";
import { Books } from "./books.ts";
import { type FaultKind, faultPlan } from "./fault-plan.ts";
import { judgeLogs, type LogVerdict } from "./logs.ts";
import { type ChaosProgram, makePrograms } from "./programs.ts";
import { registerPrograms } from "./register-programs.ts";
import { storePromises } from "./store-promises.ts";
import { Strikes } from "./strikes.ts";
import { Traffic } from "./traffic.ts";
import { Workforce } from "./workforce.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly workers: number;
}

export interface ChaosOutcome {
  /** Every promise that was broken, with the SQL that shows it where there is one. */
  readonly broken: readonly string[];
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly runs: { readonly ordered: number; readonly ended: number; readonly stalled: number };
  readonly acknowledged: { readonly starts: number; readonly payloads: number; readonly cancels: number };
  readonly bodies: Omit<BodyVerdict, "broken">;
  readonly logs: Omit<LogVerdict, "broken">;
  readonly workersWithoutStore: number;
  /** Where what is broken can be looked at; null when nothing is. */
  readonly kept: string | null;
}

const programCount = 12;
const database = "perdure_chaos";

export async function runChaos(options: ChaosOptions): Promise<ChaosOutcome> {
  const folder = mkdtempSync(join(tmpdir(), "perdure-chaos-"));
  const base = process.env["PERDURE_TEST_POSTGRES_URL"];
  const server = base === undefined ? await startServer("") : null;
  const urlOf = (name: string): string => server?.url(name) ?? withDatabase(base ?? "", name);
  let isBroken = true;
  try {
    await withClient(urlOf("postgres"), async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${database}`);
    });
    const outcome = await runOn(urlOf(database), server, folder, options);
    isBroken = outcome.broken.length > 0;
    return isBroken ? { ...outcome, kept: `${folder}; ${server?.keep() ?? `database ${database}`}` } : outcome;
  } finally {
    await server?.stop([], []);
    if (!isBroken) rmSync(folder, { recursive: true });
  }
}

function withDatabase(base: string, name: string): string {
  const url = new URL(base);
  url.pathname = `/${name}`;
  return url.href;
}

async function runOn(
  url: string,
  server: TestServer | null,
  folder: string,
  { seed, seconds, workers }: ChaosOptions,
): Promise<ChaosOutcome> {
  const programs = await makePrograms(folder, seed, programCount);
  registerPrograms(
    programs.map(({ module }) => module),
    () => Promise.reject(new Error("A client runs no step.")),
  );
  const proxy = await CuttingProxy.to(url);
  const books = new Books(url);
  const world = await createPostgresWorld({ url: proxy.url, timeoutMs: 5_000 });
  const workforce = new Workforce({ folder, url: proxy.url }, workers);
  const traffic = new Traffic({ seed, world, books, workforce, programs });
  const strikes = new Strikes({ server, proxy, books, workforce });
  try {
    await traffic.flow(strikes.carryOut(faultPlan(seed, seconds)));
    workforce.resumeAll();
    await traffic.settle();
    await workforce.dismiss();
    return await judge({ books, folder, traffic, strikes, workforce, programs, world });
  } finally {
    await workforce.dismiss();
    await world.close();
    await books.close();
    await proxy.close();
  }
}

interface Evidence {
  readonly books: Books;
  readonly folder: string;
  readonly traffic: Traffic;
  readonly strikes: Strikes;
  readonly workforce: Workforce;
  readonly programs: readonly ChaosProgram[];
  readonly world: Awaited<ReturnType<typeof createPostgresWorld>>;
}

async function judge({ books, folder, traffic, strikes, workforce, programs, world }: Evidence): Promise<ChaosOutcome> {
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
    faults: strikes.counts,
    runs: { ordered: traffic.orderCount, ended: traffic.endedCount, stalled: traffic.stalledCount },
    acknowledged: {
      starts: promises.starts.length,
      payloads: promises.payloads.length,
      cancels: promises.cancels.length,
    },
    bodies: bodyCounts,
    logs: logCounts,
    workersWithoutStore: workforce.endedThemselves,
    kept: null,
  };
}

const withLook = (what: string, runId: string): string =>
  `${what}\nSELECT position, type, correlation_id, epoch, at, data FROM perdure.events WHERE run_id = '${runId}' ORDER BY position`;
