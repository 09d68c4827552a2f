/**
 * How long what a killed worker held stands still, by the clock of the store: until another worker has taken it, and until
 * a body that was lost begins again.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Books } from "./books.ts";
import type { Workforce } from "./workforce.ts";

/** Something is looked for until then, many times what it may take. */
const patienceMs = 120_000;
const lookMs = 20;

export interface Recovery {
  readonly kills: number;
  /** One for each run that a killed worker drove: until another one has claimed it. In ascending order, as the others. */
  readonly runsMs: readonly number[];
  /** One for each background step that it had: until another one has taken the job. */
  readonly jobsMs: readonly number[];
  /** One for each run that goes on with a body that was lost: until the start is on record, and never before a retry is due. */
  readonly restartsMs: readonly number[];
  /** Runs and jobs that nobody took up. */
  readonly lost: readonly string[];
}

interface HeldRun {
  readonly run_id: string;
  readonly epoch: number;
}

interface HeldJob {
  readonly run_id: string;
  readonly correlation_id: string;
  readonly attempt: number;
  readonly delivery: number;
}

/** What a worker held when it was gone, and when that was. */
interface Estate {
  readonly now: number;
  readonly runs: readonly HeldRun[];
  readonly jobs: readonly HeldJob[];
}

interface Pause {
  readonly kind: "runsMs" | "jobsMs" | "restartsMs";
  /** Null: it was not taken up. */
  readonly ms: number | null;
  readonly what: string;
}

/** Kills so many workers, one when what the one before had held was taken up. */
export async function measureRecovery(books: Books, workforce: Workforce, kills: number): Promise<Recovery> {
  const pauses: Pause[] = [];
  for (let count = 0; count < kills; count += 1) {
    const { now, runs, jobs } = await killOwner(books, workforce);
    const found = await Promise.all([
      ...runs.map((run) => pausesOfRun(books, run, now)),
      ...jobs.map((job) => pauseOfJob(books, job, now)),
    ]);
    pauses.push(...found.flat());
  }
  const of = (wanted: Pause["kind"]): readonly number[] =>
    pauses.flatMap(({ kind, ms }) => (kind === wanted && ms !== null ? [ms] : [])).sort((a, b) => a - b);
  const lost = pauses.flatMap(({ ms, what }) => (ms === null ? [what] : []));
  return { kills, runsMs: of("runsMs"), jobsMs: of("jobsMs"), restartsMs: of("restartsMs"), lost };
}

/** The value that this share of them does not exceed. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}

/** Kills the worker that holds most runs; the answer is what it held when it was gone. */
async function killOwner(books: Books, workforce: Workforce): Promise<Estate> {
  for (;;) {
    const owners = await books.rows<{ readonly owner: string }>(
      "SELECT owner FROM perdure.runs WHERE owner IS NOT NULL GROUP BY owner ORDER BY count(*) DESC",
    );
    for (const { owner } of owners) {
      if (!(await workforce.killById(owner))) continue;
      const [clock] = await books.rows<{ readonly now: number }>("SELECT perdure.store_now()::float8 AS now");
      const runs = await books.rows<HeldRun>("SELECT run_id, epoch FROM perdure.runs WHERE owner = $1", [owner]);
      const jobs = await books.rows<HeldJob>(
        "SELECT run_id, correlation_id, attempt, delivery FROM perdure.step_jobs WHERE owner = $1",
        [owner],
      );
      if (clock !== undefined && runs.length > 0) return { now: clock.now, runs, jobs };
    }
    await pause(lookMs);
  }
}

/** Looks again and again; null when nothing is found for a long time. */
async function untilFound<T>(look: () => Promise<T | null>): Promise<T | null> {
  for (const until = Date.now() + patienceMs; Date.now() < until; await pause(lookMs)) {
    const found = await look();
    if (found !== null) return found;
  }
  return null;
}

/** A run that somebody has ended has no pause. */
async function pausesOfRun(books: Books, { run_id: runId, epoch }: HeldRun, now: number): Promise<readonly Pause[]> {
  const what = `run ${runId}`;
  const taken = await untilFound(async () => {
    const [row] = await books.rows<{ readonly at: number; readonly epoch: number; readonly has_ended: boolean }>(
      "SELECT perdure.store_now()::float8 AS at, epoch, ended_at IS NOT NULL AS has_ended FROM perdure.runs WHERE run_id = $1",
      [runId],
    );
    if (row === undefined || (row.epoch === epoch && !row.has_ended)) return null;
    return { ms: row.epoch === epoch ? 0 : row.at - now, isDriven: row.epoch > epoch };
  });
  if (taken === null || !taken.isDriven) return [{ kind: "runsMs", ms: taken?.ms ?? null, what }];
  const restartMs = await untilFound(() => restartOf(books, { run_id: runId, epoch }, now));
  const restarts: readonly Pause[] = typeof restartMs === "number" ? [{ kind: "restartsMs", ms: restartMs, what }] : [];
  return [{ kind: "runsMs", ms: taken.ms, what }, ...restarts];
}

/** The first event under a later claim, if that starts a lost body again; false when it does not; null when there is none yet. */
async function restartOf(books: Books, { run_id: runId, epoch }: HeldRun, now: number): Promise<number | false | null> {
  const sql = `SELECT r.ended_at IS NOT NULL OR r.owner IS NULL AS is_idle, e.type, e.committed_at::float8 AS at,
  (SELECT max((b.data::json->>'retryAt')::float8) FROM perdure.events b WHERE b.run_id = r.run_id
   AND b.correlation_id = e.correlation_id AND b.position < e.position AND b.type = 'step_retrying') AS due_at
FROM perdure.runs r LEFT JOIN LATERAL (SELECT * FROM perdure.events e WHERE e.run_id = r.run_id AND e.epoch > $2
  ORDER BY e.position LIMIT 1) e ON true WHERE r.run_id = $1`;
  const [row] = await books.rows<{
    readonly is_idle: boolean;
    readonly type: string | null;
    readonly at: number;
    readonly due_at: number | null;
  }>(sql, [runId, epoch]);
  if (row === undefined || (row.type === null && !row.is_idle)) return null;
  return row.type === "step_started" ? row.at - Math.max(now, row.due_at ?? 0) : false;
}

async function pauseOfJob(books: Books, job: HeldJob, now: number): Promise<readonly Pause[]> {
  const { run_id: runId, correlation_id: step, attempt, delivery } = job;
  const ms = await untilFound(async () => {
    const [row] = await books.rows<{ readonly at: number; readonly is_same: boolean }>(
      `SELECT perdure.store_now()::float8 AS at, EXISTS (SELECT 1 FROM perdure.step_jobs
  WHERE run_id = $1 AND correlation_id = $2 AND attempt = $3 AND delivery = $4) AS is_same`,
      [runId, step, attempt, delivery],
    );
    return row === undefined || row.is_same ? null : row.at - now;
  });
  return [{ kind: "jobsMs", ms, what: `job ${runId} ${step}` }];
}
