/** Claims: which worker drives which run. The rules are those of `@perdure/world`; here are the queries behind them. */
import {
  admitPark,
  admitRelease,
  admitUnpark,
  type ClaimRequest,
  type ClaimResult,
  endedShownMs,
  inTurns,
  isClaimable,
  isPolled,
  type NewParked,
  type OwnerState,
  ownerState,
  type PolledRun,
  type ReleaseRequest,
  type RunRecord,
  takeOver,
  type WorldClaims,
} from "@perdure/world";
import type { TransactionQueries } from "./database.ts";
import { heartbeatSource, heartbeatThreadData } from "./heartbeat-thread.ts";
import { type RunRow, runColumns, unclaimed, type VersionedRun, versionedRun } from "./run-rows.ts";
import type { RunChange } from "./run-writes.ts";
import type { Store } from "./store.ts";
import { fromStoredText, toStoredText } from "./stored-text.ts";
import { type ClaimOutlook, heartbeat, WorkerRows } from "./worker-rows.ts";

/** More runs than this are told as one hint in any case. */
const retiredHintsMax = 100;

type ClaimRow = RunRow & {
  readonly now: number;
  readonly beat_at: number | null;
  readonly lease_ms: number | null;
};

export function postgresClaims(store: Store): WorldClaims {
  const workers = new WorkerRows(store.settings.schema, store.settings.namespace);
  const sql = statements(store.settings.schema);
  const namespace = toStoredText(store.settings.namespace);
  const room: Room = { store, workers, sql, namespace };
  return {
    heartbeat: (worker) =>
      store.call(async () => {
        store.addOwnWorker(worker.id);
        await workers.beat(store.database, worker);
      }),
    claim: (request) =>
      store.call(() => {
        store.addOwnWorker(request.worker.id);
        return claim(room, request);
      }),
    poll: (workerId, which = "moved") => store.call(() => pollRuns(room, workerId, which)),
    release: (runId, request) => store.call(() => releaseRun(store, runId, request)),
    retire: (workerId) =>
      store.call(async () => {
        await retireWorker(room, workerId);
        store.removeOwnWorker(workerId);
      }),
    heartbeatThread(worker) {
      store.assertOpen();
      const { config, location } = store.settings;
      const data = heartbeatThreadData(worker, { config, location, ...workers.beatStatement(worker) });
      return { source: heartbeatSource, data };
    },
  };
}

/** Parks a run; false when its rules forbid it. */
export function parkRun(store: Store, runId: string, epoch: number, parked: NewParked): Promise<boolean> {
  return store.changes.change<boolean>(runId, {
    missing: () => false,
    judge: ({ stored, storeNow }) => {
      const run = admitPark(stored.run, epoch, parked, storeNow);
      if (run === null || run === stored.run) return { kind: "answer", answer: () => run !== null };
      return { kind: "row", run, needsClock: true, hint: null, answer: true };
    },
  });
}

/** Puts a parked run back; false when it was not parked. */
export function unparkRun(store: Store, runId: string): Promise<boolean> {
  return store.changes.change<boolean>(runId, {
    missing: () => false,
    judge: ({ stored, storeNow }) => {
      const run = admitUnpark(stored.run, storeNow);
      if (run === null) return { kind: "answer", answer: () => false };
      return { kind: "row", run, needsClock: true, hint: { owner: null }, answer: true };
    },
  });
}

function releaseRun(store: Store, runId: string, request: ReleaseRequest): Promise<"released" | "moved" | "fenced"> {
  return store.changes.change<"released" | "moved" | "fenced">(runId, {
    missing: () => "fenced",
    judge: ({ stored }) => {
      const verdict = admitRelease(stored.run, request);
      if (verdict.kind !== "released" || verdict.run === null) return { kind: "answer", answer: () => verdict.kind };
      const hint = verdict.run.wakeAt === null ? null : { owner: null };
      return { kind: "row", run: verdict.run, needsClock: false, hint, answer: "released" };
    },
  });
}

interface Room {
  readonly store: Store;
  readonly workers: WorkerRows;
  readonly sql: ReturnType<typeof statements>;
  /** As it is stored. */
  readonly namespace: string;
}

function statements(schema: string) {
  const claimable = `SELECT ${runColumns}, ${schema}.store_now() AS now`;
  const runs = `FROM ${schema}.runs r`;
  const ofLostOwners = `r.namespace = $1 AND r.owner = ANY ($2::text[]) AND r.workflow_id = ANY ($3::text[])`;
  return {
    lost: `${claimable}, w.beat_at, w.lease_ms ${runs}
LEFT JOIN ${schema}.workers w ON w.namespace = r.namespace AND w.id = r.owner
WHERE ${ofLostOwners} ORDER BY r.owner, r.workflow_id, r.run_id LIMIT $4 FOR UPDATE OF r SKIP LOCKED`,
    isLostLeft: `SELECT EXISTS (SELECT 1 ${runs} WHERE ${ofLostOwners}) AS left`,
    // One seek per workflow; what is locked by other claimers or by senders is left to them, or to the next claim.
    due: `SELECT due.* FROM unnest($2::text[]) AS w(id), LATERAL (
  ${claimable}, NULL::bigint AS beat_at, NULL::bigint AS lease_ms ${runs}
  WHERE r.namespace = $1 AND r.workflow_id = w.id AND ${unclaimed} AND r.wake_at <= $3
  ORDER BY r.wake_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS due
ORDER BY due.wake_at, due.run_id`,
    polled: `${claimable} ${runs}
WHERE r.namespace = $1 AND r.owner = $2 AND r.tail > greatest(r.claim_tail, coalesce(r.append_last, 0))
UNION ALL
${claimable} ${runs} WHERE r.namespace = $1 AND r.ended_owner = $2 AND r.ended_at > ${schema}.store_now() - $3::bigint`,
    owned: `${claimable} ${runs} WHERE r.namespace = $1 AND r.owner = $2`,
    held: `SELECT r.run_id ${runs} WHERE r.namespace = $1 AND r.owner = $2 LIMIT $3`,
  };
}

/** Looks first, without a lock, because mostly there is nothing to claim. */
async function claim(room: Room, request: ClaimRequest): Promise<ClaimResult> {
  const { store, workers } = room;
  const outlook = await workers.outlook(store.database, request.worker);
  store.clock.learn(outlook.storeNow);
  const { storeNow, schedule } = outlook;
  const { lostOwners, nextLossAt } = outlook.losses;
  const isDue = schedule.dueAt(storeNow).length > 0;
  if (request.max > 0 && (isDue || lostOwners.length > 0)) return claimRuns(room, request, outlook);
  return { runs: [], storeNow, nextWakeAt: schedule.nextWakeAt, nextLossAt };
}

interface Taken {
  readonly claimed: VersionedRun[];
  readonly stalled: VersionedRun[];
}

/**
 * Passes over rows that are locked: those of a lost worker are locked by other claimers, who take them, or for a moment
 * by a late append. So workers that look at the same lost worker never wait for each other.
 */
async function claimRuns(room: Room, { worker, max }: ClaimRequest, outlook: ClaimOutlook): Promise<ClaimResult> {
  const { store, workers } = room;
  const { storeNow, schedule } = outlook;
  const { lostOwners, nextLossAt } = outlook.losses;
  const workflows = worker.workflows.map(toStoredText);
  let taken: Taken = { claimed: [], stalled: [] };
  const nextWakeAt = await store.database.transaction(async (queries) => {
    const lost = await lostRuns(room, queries, [lostOwners, workflows, max]);
    const due = await dueRuns(room, queries, [schedule.dueAt(storeNow), storeNow, max - lost.length]);
    taken = takeRows(store.settings.namespace, worker.id, [...lost, ...due]);
    const changed = [...taken.claimed, ...taken.stalled].map(changeOf);
    if (changed.length > 0) await store.runs.writeTogether(queries, changed, null);
    if (await isLostLeft(room, queries, [lostOwners, workflows])) return storeNow;
    return (await workers.schedule(queries, worker.workflows)).nextWakeAt;
  });
  for (const stored of [...taken.claimed, ...taken.stalled]) store.cache.remember(stored);
  for (const { run } of taken.stalled) store.announce(run, null);
  return { runs: taken.claimed.map(({ run }) => ({ run, epoch: run.epoch })), storeNow, nextWakeAt, nextLossAt };
}

async function lostRuns(
  { sql, namespace }: Room,
  queries: TransactionQueries,
  [owners, workflows, limit]: readonly [readonly string[], readonly string[], number],
): Promise<readonly ClaimRow[]> {
  return owners.length === 0 ? [] : queries.read(sql.lost, [namespace, owners, workflows, limit]);
}

async function isLostLeft(
  { sql, namespace }: Room,
  queries: TransactionQueries,
  [owners, workflows]: readonly [readonly string[], readonly string[]],
): Promise<boolean> {
  if (owners.length === 0) return false;
  const [row] = await queries.read<{ readonly left: boolean }>(sql.isLostLeft, [namespace, owners, workflows]);
  return row?.left === true;
}

/** An equal share of each workflow of which runs are due: whoever has more of one takes it with the next claim. */
async function dueRuns(
  { sql, namespace }: Room,
  queries: TransactionQueries,
  [workflows, storeNow, limit]: readonly [readonly string[], number, number],
): Promise<readonly ClaimRow[]> {
  if (limit <= 0 || workflows.length === 0) return [];
  const share = Math.ceil(limit / workflows.length);
  const rows = await queries.read<ClaimRow>(sql.due, [namespace, workflows, storeNow, share]);
  const byWorkflow = workflows.map((workflowId) => rows.filter((row) => row.workflow_id === workflowId));
  return inTurns(byWorkflow, (row) => row.wake_at ?? 0, limit);
}

/** Takes over the rows that are claimable as they are now that they are locked. */
function takeRows(namespace: string, workerId: string, rows: readonly ClaimRow[]): Taken {
  const taken: Taken = { claimed: [], stalled: [] };
  for (const row of rows) {
    const { run, version } = versionedRun(row, namespace);
    if (!isClaimable(run, stateOf(run, row), row.now)) continue;
    const takeover = takeOver(run, workerId, row.now);
    taken[takeover.kind].push({ run: takeover.run, version: version + 1 });
  }
  return taken;
}

/** No event goes with a takeover, and the row that was judged is locked. */
const changeOf = ({ run, version }: VersionedRun): RunChange => ({
  run,
  version: version - 1,
  storeNow: null,
  append: null,
  tokens: null,
  jobs: null,
});

const stateOf = (run: RunRecord, row: ClaimRow): OwnerState =>
  ownerState(run, heartbeat(row.beat_at, row.lease_ms), row.now);

type PolledRow = RunRow & { readonly now: number };

async function pollRuns(
  { store, sql, namespace }: Room,
  workerId: string,
  which: "moved" | "held",
): Promise<readonly PolledRun[]> {
  const owner = [namespace, toStoredText(workerId)];
  const { database, settings } = store;
  const rows =
    which === "held"
      ? await database.read<PolledRow>(sql.owned, owner)
      : await database.read<PolledRow>(sql.polled, [...owner, endedShownMs]);
  return rows.flatMap((row) => {
    const { run } = versionedRun(row, settings.namespace);
    const { runId, epoch, tail, status } = run;
    return which === "held" || isPolled(run, workerId, row.now) ? [{ runId, epoch, tail, status }] : [];
  });
}

async function retireWorker({ store, workers, sql, namespace }: Room, workerId: string): Promise<void> {
  await workers.remove(store.database, workerId);
  const values = [namespace, toStoredText(workerId), retiredHintsMax];
  const rows = await store.database.read<{ readonly run_id: string }>(sql.held, values);
  for (const { run_id } of rows) store.announceDue(fromStoredText(run_id));
}
