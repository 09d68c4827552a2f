/** Runs: creation, look-up, lists, and waiting for the end. */
import { InvalidCursorError, invariant } from "@perdure/errors";
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
import type { Refusal } from "./group-commit.ts";
import { refuseSize } from "./local-log.ts";
import { damagedRunError, type StoredRun, statusNumbers } from "./run-rows.ts";
import type { SQLInputValue } from "./sqlite.ts";
import { type Announce, changeOf, isSettled, type Store } from "./store.ts";

/** The longest delay that a timer of Node takes, in milliseconds. */
const timerMaxMs = 2 ** 31 - 1;

export function localRuns(store: Store): WorldRuns {
  return {
    create: (request) => store.write((announce) => createRun(store, request, announce)),
    get: (runId) => store.read(() => store.row(runId)),
    list: (filter) => store.read(() => listRuns(store, filter)),
    waitForEnd: (runId, timeoutMs) => waitForEnd(store, runId, timeoutMs),
  };
}

/** Tries to insert first, since nearly every run id and key is new; the unique indexes say when one is not. */
function createRun(store: Store, request: CreateRequest, announce: Announce): CreateResult | Refusal {
  const { eager } = request;
  const tooLarge = refuseSize(1 + (eager?.facts.length ?? 0) + (eager?.decisions.length ?? 0));
  if (tooLarge !== null) return tooLarge;
  const context = store.context();
  const { storeNow } = context;
  const view = RunView.empty();
  const verdict = admitCreate(request, store.settings.namespace, context, view);
  const stored = verdict.kind === "admitted" ? store.runs.insert(verdict.run) : null;
  if (verdict.kind === "refused") return existing(store, request, storeNow) ?? verdict;
  if (stored === null) {
    const answer = existing(store, request, storeNow);
    invariant(answer !== null, "an insertion of a run fails only on its id or its key");
    return answer;
  }
  const { run, events, fork, released } = verdict;
  const jobs = jobChanges(verdict, null);
  for (const event of events) store.events.insert(stored.rid, event);
  if (isEnded(run.status)) {
    store.cache.rememberEnd(store.cache.remember(stored, null), events);
  } else {
    store.tokens.apply(stored.rid, events);
    store.jobs.apply(stored.rid, jobs);
    view.absorb(fork);
    store.cache.remember(stored, view);
  }
  if (eager !== null) store.addOwnWorker(eager.worker);
  if (offersJobs(jobs)) announce(changeOf(run, true, null));
  else announce(changeOf(run, run.owner === null && run.wakeAt !== null));
  return { kind: "created", run, events, storeNow, released };
}

/** The answer when the run id or the key is taken; null when both are free. */
function existing(store: Store, request: CreateRequest, storeNow: number): CreateResult | null {
  const known = store.runs.byId(request.runId);
  if (known?.isDamaged === true) throw damagedRunError(request.runId);
  if (known !== null) {
    const events = store.events.read(known.rid, 0, known.run.tail);
    const released = isEagerClaimGone(known.run, request.eager);
    return { kind: "created", run: known.run, events, storeNow, released };
  }
  const holder = request.created.key === null ? null : store.runs.byKey(request.created.key);
  if (holder?.isDamaged === true) throw damagedRunError(holder.run.runId);
  return holder === null ? null : { kind: "existing", run: holder.run };
}

const listOrder = "ORDER BY created_at DESC, run_id DESC LIMIT ?";

function listRuns(store: Store, filter: RunFilter): Page<RunRecord> {
  const conditions: string[] = [];
  const values: SQLInputValue[] = [];
  if (filter.status !== undefined) {
    conditions.push("status = ?");
    values.push(statusNumbers[filter.status]);
  }
  if (filter.workflowId !== undefined) {
    conditions.push("workflow_id = ?");
    values.push(filter.workflowId);
  }
  if (filter.parked !== undefined) conditions.push(`parked_reason IS ${filter.parked ? "NOT " : ""}NULL`);
  if (filter.cursor !== undefined) {
    conditions.push("(created_at, run_id) < (?, ?)");
    values.push(...parseCursor(filter.cursor));
  }
  const condition = conditions.length === 0 ? "true" : conditions.join(" AND ");
  const found = store.runs.select(`${condition} ${listOrder}`, [...values, filter.limit + 1]);
  const items = found.slice(0, filter.limit).map(({ run }: StoredRun) => run);
  const last = items.at(-1);
  return { items, cursor: found.length > filter.limit && last !== undefined ? cursorOf(last) : null };
}

/** Version, creation and id of the last run of the page. */
const cursorOf = ({ createdAt, runId }: RunRecord): string => `1.${createdAt}.${runId}`;

const cursorPattern = /^1\.(-?\d{1,16})\.(.+)$/s;

function parseCursor(cursor: string): readonly [number, string] {
  const [, createdAt, runId] = cursorPattern.exec(cursor) ?? [];
  if (createdAt === undefined || runId === undefined) throw new InvalidCursorError(cursor);
  return [Number(createdAt), runId];
}

async function waitForEnd(store: Store, runId: string, timeoutMs: number): Promise<RunRecord | null> {
  const settling = watchForEnd(store, runId, timeoutMs);
  try {
    // Read after the watching began, so that nothing falls between the two.
    const run = await store.read(() => store.row(runId));
    if (run === null || isSettled(run)) return run;
    return (await settling.settled) ?? latest(store, runId) ?? run;
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
    store.watchIfNeeded();
  };
  return { settled: promise, stop };
}

/** The run's row; null when it cannot be read at this moment, because the file is locked. */
function latest(store: Store, runId: string): RunRecord | null {
  try {
    return store.row(runId);
  } catch {
    return null;
  }
}
