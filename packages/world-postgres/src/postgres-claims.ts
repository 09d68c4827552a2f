/** Claims: which worker drives which run. The rules are those of `@perdure/world`; here are the queries behind them. */
import { invariant } from "@perdure/errors";
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
  type WorkerInfo,
  type WorldClaims,
} from "@perdure/world";
import type { TransactionQueries } from "./database.ts";
import { heartbeatSource, heartbeatThreadData } from "./heartbeat-thread.ts";
import { type RunRow, runColumns, unclaimed, type VersionedRun, versionedRun } from "./run-rows.ts";
import type { RunChange } from "./run-writes.ts";
import type { Store } from "./store.ts";
import { refusedBeatError } from "./store-errors.ts";
import { fromStoredText, toStoredText } from "./stored-text.ts";
import { type ClaimOutlook, heartbeat, WorkerRows } from "./worker-rows.ts";

/** A beat is sent so often until it is taken or there is a reason why it is not. */
const beatTriesMax = 5;

/** More runs than this are told as one hint in any case. */
const retiredHintsMax = 100;

/** More runs that hints name than this are taken as any others that are due, so that workers share them and do not race. */
const namedMax = 16;

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
        await beat(room, worker);
      }),
    claim: (request) =>
      store.call(() => {
        store.addOwnWorker(request.worker.id);
        return claim(room, request);
      }),
    poll: (workerId, which = "moved") =>
      store.call(() => {
        store.restoration.beatsOf(workerId);
        return pollRuns(room, workerId, which);
      }),
    release: (runId, request) => store.call(() => releaseRun(store, runId, request)),
    retire: (workerId) =>
      store.call(async () => {
        await retireWorker(room, workerId);
        store.removeOwnWorker(workerId);
        store.restoration.forget(workerId);
      }),
    heartbeatThread(worker) {
      store.assertOpen();
      const { config, location } = store.settings;
      const { mark } = store.restoration;
      const beats = store.restoration.beatsOf(worker.id);
      const statement = workers.beatStatement(worker);
      const data = heartbeatThreadData(worker, { config, location, ...statement, mark, beats });
      return { source: heartbeatSource, data };
    },
  };
}

/** Parks a run; false when its rules forbid it. */
export function parkRun(store: Store, runId: string, epoch: number, parked: NewParked): Promise<boolean> {
  return store.changes.change<boolean>(runId, {
    begunIn: store.restoration.generation,
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
      return { kind: "row", run, needsClock: true, hint: { owner: null, jobs: false }, answer: true };
    },
  });
}

function releaseRun(store: Store, runId: string, request: ReleaseRequest): Promise<"released" | "moved" | "fenced"> {
  return store.changes.change<"released" | "moved" | "fenced">(runId, {
    begunIn: store.restoration.generation,
    missing: () => "fenced",
    judge: ({ stored }) => {
      const verdict = admitRelease(stored.run, request);
      if (verdict.kind !== "released" || verdict.run === null) return { kind: "answer", answer: () => verdict.kind };
      const hint = verdict.run.wakeAt === null ? null : { owner: null, jobs: false };
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

/** A beat that is refused is sent again when what the store shows is no reason to refuse it. */
async function beat({ store, workers }: Room, worker: WorkerInfo): Promise<void> {
  const { restoration, database, settings } = store;
  for (let tries = 0; tries < beatTriesMax; tries += 1) {
    const acknowledged = Atomics.load(restoration.beatsOf(worker.id), 0);
    const beats = await workers.beat(database, worker, { acknowledged, mark: restoration.mark });
    if (beats !== null) return restoration.acknowledge(worker.id, beats);
    await restoration.compareWorker(worker.id, acknowledged, await restoration.shown(worker.id));
  }
  throw refusedBeatError(settings.location);
}

/** Looks first, without a lock, because mostly there is nothing to claim. */
async function claim(room: Room, request: ClaimRequest): Promise<ClaimResult> {
  const { store, workers } = room;
  const { restoration, database } = store;
  const { hinted = [], max } = request;
  await restoration.compareAfterLoss();
  const acknowledged = Atomics.load(restoration.beatsOf(request.worker.id), 0);
  const named = hinted.length > namedMax ? [] : await claimNamed(store, request, hinted.slice(0, max));
  if (named.length > 0) {
    const now = store.clock.estimate();
    invariant(now !== null, "the answer to a write says the store's clock");
    return { runs: named.map(claimed), storeNow: now, nextWakeAt: now, nextLossAt: null };
  }
  const outlook = await workers.outlook(database, request.worker);
  await restoration.compareWorker(request.worker.id, acknowledged, outlook.shown);
  store.clock.learn(outlook.storeNow);
  const { storeNow, schedule, losses } = outlook;
  const due = losses.lostOwners.length > 0 ? null : schedule.allDueAt(storeNow, namedMax);
  if (max > 0 && due === null) return claimRuns(room, request, outlook);
  if (max > 0 && due !== null && due.length > 0) return claimFew(store, request, outlook, due.slice(0, max));
  return { runs: [], storeNow, nextWakeAt: schedule.nextWakeAt, nextLossAt: losses.nextLossAt };
}

/** Takes the few runs that are due, as those that hints name. */
async function claimFew(
  store: Store,
  request: ClaimRequest,
  { storeNow, schedule, losses }: ClaimOutlook,
  due: readonly string[],
): Promise<ClaimResult> {
  const taken = await claimNamed(store, request, due);
  // Somebody else was there first, or the run is not due yet by the clock that the write is judged by.
  const nextWakeAt = taken.length < due.length ? storeNow : schedule.without(due).nextWakeAt;
  return {
    runs: taken.map(claimed),
    storeNow: store.clock.estimate() ?? storeNow,
    nextWakeAt,
    nextLossAt: losses.nextLossAt,
  };
}

const claimed = (run: RunRecord): ClaimResult["runs"][number] => ({ run, epoch: run.epoch });

/**
 * Takes what is due of a few runs: one round trip for each, shared with each other and with appends, and no transaction.
 * Whoever else was told of them may take them first, which a newer version of the row shows.
 */
async function claimNamed(
  store: Store,
  { worker }: ClaimRequest,
  runIds: readonly string[],
): Promise<readonly RunRecord[]> {
  const claimOne = (runId: string): Promise<RunRecord | null> =>
    store.changes.change<RunRecord | null>(runId, {
      begunIn: store.restoration.generation,
      missing: () => null,
      judge: ({ stored: { run }, storeNow }) => {
        const isFree = run.owner === null && worker.workflows.includes(run.workflowId);
        if (!isFree || !isClaimable(run, "none", storeNow)) return { kind: "answer", answer: () => null };
        const { run: taken } = takeOver(run, worker.id, storeNow);
        return { kind: "row", run: taken, needsClock: true, hint: null, answer: taken };
      },
    });
  // After a failure the worker asks what it holds: no claim may be under way then.
  const settled = await Promise.allSettled(runIds.map(claimOne));
  return settled.flatMap((each) => {
    if (each.status === "rejected") throw each.reason;
    return each.value === null ? [] : [each.value];
  });
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
  const { restoration, cache } = store;
  const workflows = worker.workflows.map(toStoredText);
  let taken: Taken = { claimed: [], stalled: [] };
  const nextWakeAt = await store.database.transaction(async (queries) => {
    const lost = await lostRuns(room, queries, [lostOwners, workflows, max]);
    const due = await dueRuns(room, queries, [schedule.dueAt(storeNow), storeNow, max - lost.length]);
    for (const row of [...lost, ...due]) {
      const stored = versionedRun(row, store.settings.namespace);
      await restoration.compareRow(stored, cache.acknowledged(stored.run.runId), { isLocked: true });
    }
    restoration.beatsOf(worker.id);
    taken = takeRows(store.settings.namespace, worker.id, [...lost, ...due]);
    const changed = [...taken.claimed, ...taken.stalled].map(changeOf);
    if (changed.length > 0) await store.runs.writeTogether(queries, changed, null);
    if (await isLostLeft(room, queries, [lostOwners, workflows])) return storeNow;
    return (await workers.schedule(queries, worker.workflows)).nextWakeAt;
  });
  for (const stored of [...taken.claimed, ...taken.stalled]) store.cache.remember(stored);
  for (const { run } of taken.stalled) store.announce(run, null);
  return { runs: taken.claimed.map(({ run }) => claimed(run)), storeNow, nextWakeAt, nextLossAt };
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
