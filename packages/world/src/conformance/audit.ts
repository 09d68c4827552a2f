/** What must hold of every run at the end of every case, whatever the case was about. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { isFactType, isTerminalType, type LogEvent } from "../events.ts";
import { isEnded } from "../run-record.ts";
import { fold } from "../run-view.ts";
import type { World } from "../world.ts";

/** The whole log of a run, read in pages. */
export async function readLog(world: World, runId: string, limit = 1_000): Promise<LogEvent[]> {
  const log: LogEvent[] = [];
  for (;;) {
    const page = await world.log.read(runId, { after: log.length, limit });
    ok(page.length <= limit, `a page holds at most ${limit} events, not ${page.length}`);
    log.push(...page);
    if (page.length < limit) return log;
  }
}

/** Checks a run's log by itself (L1, L6, R6), its row against the fold of it, and its tokens (H3, H4). */
export async function auditRun(world: World, runId: string): Promise<void> {
  const run = await world.runs.get(runId);
  ok(run !== null, `run ${runId} has a row`);
  const log = await readLog(world, runId);
  auditLog(log);
  const view = fold(log);
  equal(run.tail, view.tail, "the row's tail is the log's");
  equal(run.lastAt, view.lastAt, "the row's clock is the log's");
  equal(run.status, view.status, "the row's status is the log's");
  equal(run.endedAt !== null, isEnded(run.status), "an ended run, and no other, has its end");
  if (isEnded(run.status))
    deepEqual([run.owner, run.parked, run.wakeAt], [null, null, null], "an ended run is at rest");
  for (const [id, entity] of view.entities()) {
    if (entity.kind !== "hook") continue;
    const holder = await world.hooks.find(entity.tokenHash);
    const holds = holder?.runId === runId && holder.correlationId === id;
    equal(holds, entity.state === "open" && !isEnded(run.status), `hook ${id} (${entity.state}) and its token agree`);
  }
}

function auditLog(log: readonly LogEvent[]): void {
  let clock = 0;
  const byPosition = new Map(log.map((event) => [event.position, event]));
  for (const [index, event] of log.entries()) {
    equal(event.position, index + 1, "positions are dense from 1");
    if (isFactType(event.type)) {
      ok(event.at >= clock, `the clock goes backwards at position ${event.position}`);
      clock = event.at;
    } else {
      const cause = byPosition.get(event.cause ?? 0);
      ok(cause !== undefined && isFactType(cause.type), `position ${event.position} names the fact that caused it`);
      equal(event.at, cause.at, `position ${event.position} copies the clock of the fact that caused it`);
    }
    if (isTerminalType(event.type)) equal(event.position, log.length, "a terminal event is the last one");
  }
}
