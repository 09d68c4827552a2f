/** Runs: creation, look-up, lists, and waiting for the end. */
import { InvalidCursorError } from "@perdure/errors";
import {
  admitCreate,
  type CreateRequest,
  type CreateResult,
  isEagerClaimGone,
  isEnded,
  jobChanges,
  offersJobs,
  type Page,
  type RunFilter,
  type RunRecord,
  RunView,
  type WorldRuns,
} from "@perdure/world";
import { assertFits, ownPayload } from "./postgres-log.ts";
import { listed, type RunRow, runColumns, versionedRun } from "./run-rows.ts";
import { isSettled, type Store } from "./store.ts";
import { toStoredText } from "./stored-text.ts";
import { TokenOwners } from "./token-changes.ts";
import type { Seat } from "./write-lane.ts";

/** The longest delay that a timer of Node takes, in milliseconds. */
const timerMaxMs = 2 ** 31 - 1;

export function postgresRuns(store: Store): WorldRuns {
  return {
    create: (request) => {
      const own = withOwnPayloads(request);
      return store.call(() => createRun(store, own));
    },
    get: (runId) => store.call(() => store.row(runId)),
    list: (filter) => store.call(() => listRuns(store, filter)),
    waitForEnd: (runId, timeoutMs) => waitForEnd(store, runId, timeoutMs),
  };
}

function withOwnPayloads(request: CreateRequest): CreateRequest {
  const { eager } = request;
  const input = new Uint8Array(request.input);
  if (eager === null) return { ...request, input };
  const turn = { facts: eager.facts.map(ownPayload), decisions: eager.decisions.map(ownPayload) };
  return { ...request, input, eager: { ...eager, ...turn } };
}

/** A reading of the store's clock to judge by; `isExact`: this call has asked for it. */
interface Reading {
  readonly storeNow: number;
  readonly isExact: boolean;
}

/** Tries to insert first, since nearly every run id and key is new; the unique indexes say when one is not. */
async function createRun(store: Store, request: CreateRequest): Promise<CreateResult> {
  const { eager } = request;
  if (eager !== null) store.restoration.beatsOf(eager.worker);
  assertFits(1 + (eager?.facts.length ?? 0) + (eager?.decisions.length ?? 0));
  const tokens = new TokenOwners();
  let mustRead = false;
  for (;;) {
    const seat = await store.lane.seat();
    try {
      const estimate = mustRead ? null : store.clock.estimate();
      const reading = estimate === null ? await readClock(store) : { storeNow: estimate, isExact: false };
      const result = await tryToCreate(store, request, tokens, reading, seat);
      if (result !== null) return result;
    } finally {
      seat.leave();
    }
    mustRead = true;
  }
}

/** Null: the tokens, the key or the clock were not as they were judged, so it is to be tried again. */
async function tryToCreate(
  store: Store,
  request: CreateRequest,
  tokens: TokenOwners,
  { storeNow, isExact }: Reading,
  seat: Seat,
): Promise<CreateResult | null> {
  const view = RunView.empty();
  const context = { storeNow, tokenOwner: tokens.ask() };
  const verdict = admitCreate(request, store.settings.namespace, context, view);
  if (verdict.kind === "refused") {
    // An estimate of the clock may be why it is refused; the clock itself has the last word.
    return (await existing(store, request)) ?? (isExact ? verdict : null);
  }
  const jobs = jobChanges(verdict, null);
  const change = { run: verdict.run, version: null, storeNow, append: verdict, tokens, jobs };
  const result = await store.lane.write(change, seat);
  const { outcome, now } = result;
  store.clock.learnFrom(result);
  if (outcome === "exists") return existing(store, request);
  if (outcome === "tokens") tokens.learn(await store.runs.tokenHolders(store.database, tokens.asked));
  if (outcome === "bundle") await store.bundles.putAgain(verdict.run.bundleId);
  if (outcome !== "written") return null;
  const { run, events, released } = verdict;
  store.cache.remember({ run: { ...run, tail: 0 }, version: 0 }, view);
  store.cache.advance(verdict, 1, view);
  if (request.eager !== null) store.addOwnWorker(request.eager.worker);
  const isDue = run.owner === null && run.wakeAt !== null;
  store.announce(run, isDue || offersJobs(jobs) ? { owner: null, jobs: offersJobs(jobs) } : null);
  return { kind: "created", run, events, storeNow: now ?? storeNow, released };
}

async function readClock(store: Store): Promise<Reading> {
  const storeNow = await store.runs.now(store.database);
  store.clock.learn(storeNow);
  return { storeNow, isExact: true };
}

/** The answer when the run id or the key is taken; null when both are free. */
async function existing(store: Store, request: CreateRequest): Promise<CreateResult | null> {
  const known = await store.load(request.runId);
  if (known !== null) {
    const { run } = known.stored;
    const events = await store.events.read(store.database, run.runId, { after: 0, last: run.tail }, null);
    const released = isEagerClaimGone(run, request.eager);
    return { kind: "created", run, events, storeNow: known.storeNow, released };
  }
  const { key } = request.created;
  const holder = key === null ? null : await store.runs.loadByKey(store.database, key);
  return holder === null ? null : { kind: "existing", run: holder.stored.run };
}

async function listRuns(store: Store, filter: RunFilter): Promise<Page<RunRecord>> {
  const { schema, namespace } = store.settings;
  const conditions = ["r.namespace = $1", listed];
  const values: unknown[] = [toStoredText(namespace), filter.limit + 1];
  const bound = (value: unknown): string => `$${values.push(value)}`;
  if (filter.status !== undefined) conditions.push(`r.status = ${bound(filter.status)}`);
  if (filter.workflowId !== undefined) conditions.push(`r.workflow_id = ${bound(toStoredText(filter.workflowId))}`);
  if (filter.parked !== undefined) conditions.push(`r.parked_reason IS ${filter.parked ? "NOT " : ""}NULL`);
  if (filter.cursor !== undefined) {
    const [createdAt, runId] = parseCursor(filter.cursor);
    conditions.push(`(r.created_at, r.run_id) < (${bound(createdAt)}::bigint, ${bound(toStoredText(runId))})`);
  }
  const sql = `SELECT ${runColumns} FROM ${schema}.runs r WHERE ${conditions.join(" AND ")}
ORDER BY r.created_at DESC, r.run_id DESC LIMIT $2`;
  const rows = await store.database.read<RunRow>(sql, values);
  const items = rows.slice(0, filter.limit).map((row) => versionedRun(row, namespace).run);
  const last = items.at(-1);
  return { items, cursor: rows.length > filter.limit && last !== undefined ? cursorOf(last) : null };
}

/** Version, creation and id of the last run of the page. */
const cursorOf = ({ createdAt, runId }: RunRecord): string => `1.${createdAt}.${runId}`;

const cursorPattern = /^1\.(-?\d{1,16})\.(.+)$/s;

function parseCursor(cursor: string): readonly [number, string] {
  const [, createdAt, runId] = cursorPattern.exec(cursor) ?? [];
  if (createdAt === undefined || runId === undefined) throw new InvalidCursorError(cursor);
  return [Number(createdAt), runId];
}

/** What this process has written itself need not be read: a run that it ended, or one that it drives and will announce. */
async function waitForEnd(store: Store, runId: string, timeoutMs: number): Promise<RunRecord | null> {
  const known = store.cache.get(runId)?.run ?? null;
  const settling = watchForEnd(store, runId, timeoutMs);
  try {
    if (known !== null && isEnded(known.status)) return known;
    if (known === null || !store.isDrivenHere(known)) {
      // Read after the watching began, so that nothing falls between the two.
      const run = await store.call(() => store.row(runId));
      if (run === null || isSettled(run)) return run;
    }
    return (await settling.settled) ?? (await store.call(() => store.row(runId)));
  } finally {
    settling.stop();
  }
}

/** `settled` resolves to the run once it has ended or is parked, to null when the time is over before. */
function watchForEnd(
  store: Store,
  runId: string,
  timeoutMs: number,
): { readonly settled: Promise<RunRecord | null>; readonly stop: () => void } {
  store.assertOpen();
  const { promise, resolve, reject } = Promise.withResolvers<RunRecord | null>();
  // Nobody waits for it yet when the store is closed during the first reading, which is refused then too.
  promise.catch(() => {});
  const stopWaiting = store.signals.waitFor(runId, resolve);
  const forgetClose = store.onClose(reject);
  const timer = setTimeout(() => resolve(null), Math.min(Math.max(timeoutMs, 0), timerMaxMs));
  store.watchIfNeeded();
  const stop = (): void => {
    clearTimeout(timer);
    stopWaiting();
    forgetClose();
  };
  return { settled: promise, stop };
}
