/** Logs: reading, and the append that everything rests on. */
import { invariant, StoreError, WorkflowRunNotFoundError } from "@perdure/errors";
import {
  type Admitted,
  type AppendRequest,
  type AppendResult,
  admitDriverAppend,
  admitExecutorAppend,
  admitOutsideAppend,
  concernsJobs,
  type DriverAppend,
  type ExecutorAppend,
  isEnded,
  type JobChanges,
  jobAtWork,
  jobChanges,
  type LogEvent,
  type OutsideAppend,
  RunView,
  reportedDelivery,
  type WorldLog,
} from "@perdure/world";
import { Refusal } from "./group-commit.ts";
import type { CachedRun } from "./run-cache.ts";
import { damagedRunError } from "./run-rows.ts";
import { type Announce, changeOf, type Store } from "./store.ts";

/**
 * The most events in one append. One transaction of so many keeps the event loop for some 40 ms, which is the price of a
 * fan-out of that size.
 */
export const eventsPerAppendMax = 10_000;

export function localLog(store: Store): WorldLog {
  return {
    read: (runId, { after, limit }) => store.read(() => readLog(store, runId, after, limit)),
    append: (runId, request) => store.write((announce) => append(store, runId, request, announce)),
  };
}

/** Refuses an append that is larger than the capability says; null when it is not. */
export function refuseSize(count: number): Refusal | null {
  if (count <= eventsPerAppendMax) return null;
  const message = `One append of ${count} events; this store takes ${eventsPerAppendMax}.`;
  return new Refusal(
    new StoreError("STORE_UNSUPPORTED", message, { hint: "Cut the append at `capabilities.maxEventsPerAppend`." }),
  );
}

/** Writes the events of an append and the row that they lead to. */
function writeAdmitted(store: Store, entry: CachedRun, admitted: Admitted, jobs: JobChanges): void {
  for (const event of admitted.events) store.events.insert(entry.rid, event);
  store.tokens.apply(entry.rid, admitted.events);
  if (isEnded(admitted.run.status) && admitted.fork.mayHoldTokens) store.tokens.freeAll(entry.rid);
  store.jobs.apply(entry.rid, jobs);
  store.runs.update(entry.rid, entry.run, admitted.run);
  store.cache.advance(entry, admitted);
}

function readLog(store: Store, runId: string, after: number, limit: number): readonly LogEvent[] {
  const end = limit > 0 ? store.cache.endAfter(runId, after) : null;
  if (end !== null) return [copyOf(end)];
  const found = store.runs.byId(runId);
  if (found === null) return [];
  if (found.isDamaged) throw damagedRunError(runId);
  // Up to the tail that was read: the log may have grown since.
  const events = store.events.read(found.rid, after, Math.min(found.run.tail, after + limit));
  store.cache.observe(runId, after, events);
  return events;
}

function append(store: Store, runId: string, request: AppendRequest, announce: Announce): AppendResult | Refusal {
  const tooLarge = request.by === "driver" ? refuseSize(request.facts.length + request.decisions.length) : null;
  if (tooLarge !== null) return tooLarge;
  const entry = store.cache.get(runId);
  if (entry === null) return new Refusal(new WorkflowRunNotFoundError(runId));
  return request.by === "driver"
    ? appendDriver(store, entry, request, announce)
    : appendKeyed(store, entry, request, announce);
}

function appendDriver(store: Store, entry: CachedRun, request: DriverAppend, announce: Announce): AppendResult {
  const context = store.context();
  const tailBefore = entry.run.tail;
  const verdict = admitDriverAppend(entry.run, store.cache.viewOf(entry), request, context);
  if (verdict.kind === "fenced" || verdict.kind === "refused") return verdict;
  if (verdict.kind !== "admitted") {
    const events = store.events.read(entry.rid, request.after, tailBefore);
    const reply = { events, tail: tailBefore, storeNow: context.storeNow };
    return verdict.kind === "moved"
      ? { kind: "moved", ...reply }
      : { kind: "appended", ...reply, released: verdict.released };
  }
  const unseen = store.events.read(entry.rid, request.after, tailBefore);
  const jobs = jobChanges(verdict, null);
  writeAdmitted(store, entry, verdict, jobs);
  const { run, released } = verdict;
  if (concernsJobs(jobs)) announce(changeOf(run, true, null));
  else announce(changeOf(run, released && run.wakeAt !== null));
  const events = unseen.length === 0 ? verdict.events : [...unseen, ...verdict.events];
  return { kind: "appended", events, tail: run.tail, storeNow: context.storeNow, released };
}

/** One fact under a key of its sender's, who does not hold the claim. */
type KeyedAppend = OutsideAppend | ExecutorAppend;

/** A reader may do with the payload what it likes. */
const copyOf = (event: LogEvent): LogEvent =>
  event.payload === null ? event : ({ ...event, payload: Uint8Array.from(event.payload) } as LogEvent);

/** Whoever does not drive says one thing about one step or hook, or about the run: that needs no fold of a long log. */
function viewForKeyed(store: Store, entry: CachedRun, { fact }: KeyedAppend): RunView {
  const held = store.cache.heldView(entry);
  if (held !== null) return held;
  const events = fact.correlationId === null ? [] : store.events.readEntity(entry.rid, fact.correlationId);
  return RunView.ofEntity(entry.run, events);
}

function appendKeyed(store: Store, entry: CachedRun, request: KeyedAppend, announce: Announce): AppendResult {
  const writtenBefore = store.events.positionOfKey(entry.rid, request.key);
  const stored = store.jobs.find(entry.rid, request.fact.correlationId ?? "");
  const job = stored === null || stored.isDamaged ? null : jobAtWork({ ...stored.job, runId: entry.run.runId });
  const context = { ...store.context(), writtenBefore, job };
  const view = viewForKeyed(store, entry, request);
  const verdict =
    request.by === "outside"
      ? admitOutsideAppend(entry.run, view, request, context)
      : admitExecutorAppend(entry.run, view, request, context);
  if (verdict.kind === "refused") return verdict;
  invariant(verdict.kind === "admitted" || verdict.kind === "duplicate", "only a driver is fenced or moved");
  const { storeNow } = context;
  if (verdict.kind === "duplicate") {
    const events = store.events.read(entry.rid, verdict.first - 1, verdict.last);
    return { kind: "appended", events, tail: entry.run.tail, storeNow, released: verdict.released };
  }
  const jobs = jobChanges(verdict, reportedDelivery(request));
  writeAdmitted(store, entry, verdict, jobs);
  const { run, events, released } = verdict;
  announce(changeOf(run, true, concernsJobs(jobs) ? null : (run.owner ?? run.endedOwner)));
  return { kind: "appended", events, tail: run.tail, storeNow, released };
}
