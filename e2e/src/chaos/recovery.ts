/** How long runs stand still after their worker was killed: from the kill to their next event, by the clock of the store. */
import { setTimeout as pause } from "node:timers/promises";
import type { Books } from "./books.ts";
import type { Workforce } from "./workforce.ts";

/** A run is looked for until then, many times what it may take. */
const patienceMs = 120_000;
const lookMs = 50;

export interface Recovery {
  readonly kills: number;
  /** One for each run that a killed worker held, in ascending order. */
  readonly pausesMs: readonly number[];
  /** Runs that nobody took up. */
  readonly lost: readonly string[];
}

interface HeldRun {
  readonly run_id: string;
  readonly epoch: number;
  readonly now: number;
}

/** Kills so many workers, one when the runs of the one before have moved on. */
export async function measureRecovery(books: Books, workforce: Workforce, kills: number): Promise<Recovery> {
  const pausesMs: number[] = [];
  const lost: string[] = [];
  for (let count = 0; count < kills; count += 1) {
    const held = await killOwner(books, workforce);
    const found = await Promise.all(held.map((run) => pauseOf(books, run)));
    for (const [index, ms] of found.entries()) {
      if (ms === null) lost.push(held[index]?.run_id ?? "");
      else pausesMs.push(ms);
    }
  }
  return { kills, pausesMs: pausesMs.sort((a, b) => a - b), lost };
}

/** The value that this share of them does not exceed. */
export function percentile(ascending: readonly number[], share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}

/** Kills the worker that holds most runs; the answer is what it held when it was gone. */
async function killOwner(books: Books, workforce: Workforce): Promise<readonly HeldRun[]> {
  for (;;) {
    const owners = await books.rows<{ readonly owner: string }>(
      "SELECT owner FROM perdure.runs WHERE owner IS NOT NULL GROUP BY owner ORDER BY count(*) DESC",
    );
    for (const { owner } of owners) {
      if (!(await workforce.killById(owner))) continue;
      const held = await books.rows<HeldRun>(
        "SELECT run_id, epoch, perdure.store_now()::float8 AS now FROM perdure.runs WHERE owner = $1",
        [owner],
      );
      if (held.length > 0) return held;
    }
    await pause(lookMs);
  }
}

/**
 * Until the first event under a later claim; null when there is none for a long time. Zero for a run that ended otherwise. A
 * run that was given back without an event had nothing to do: then it is the moment at which that is seen.
 */
async function pauseOf(books: Books, { run_id: runId, epoch, now }: HeldRun): Promise<number | null> {
  const sql = `SELECT coalesce(
    (SELECT min(committed_at)::float8 FROM perdure.events e WHERE e.run_id = r.run_id AND e.epoch > $2),
    CASE WHEN epoch > $2 AND owner IS NULL THEN perdure.store_now()::float8 END) AS at,
  ended_at IS NOT NULL AS has_ended FROM perdure.runs r WHERE run_id = $1`;
  for (const until = Date.now() + patienceMs; Date.now() < until; await pause(lookMs)) {
    const [row] = await books.rows<{ readonly at: number | null; readonly has_ended: boolean }>(sql, [runId, epoch]);
    if (row?.at != null) return row.at - now;
    if (row?.has_ended === true) return 0;
  }
  return null;
}
