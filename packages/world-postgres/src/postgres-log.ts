/** Logs: reading, and the append that everything rests on. */
import { invariant, WorkflowRunNotFoundError } from "@perdure/errors";
import {
  type AppendRequest,
  type AppendResult,
  admitDriverAppend,
  admitExecutorAppend,
  admitOutsideAppend,
  concernsJobs,
  type DriverAppend,
  type ExecutorAppend,
  jobAtWork,
  jobChanges,
  type LogEvent,
  type OutsideAppend,
  RunView,
  reportedDelivery,
  type WorldLog,
} from "@perdure/world";
import { lastPosition } from "./event-rows.ts";
import type { Judgement, Situation } from "./run-changes.ts";
import type { Store } from "./store.ts";
import { tooLargeError } from "./store-errors.ts";

/** The most events in one append. One statement of so many takes some 60 ms of the server's time. */
export const eventsPerAppendMax = 5_000;

export function postgresLog(store: Store): WorldLog {
  return {
    read: (runId, { after, limit }) => store.call(() => readLog(store, runId, after, limit)),
    append: (runId, request) => {
      const own = withOwnPayloads(request);
      return store.call(() => append(store, runId, own));
    },
  };
}

/** Refuses an append that is larger than the capability says. */
export function assertFits(count: number): void {
  if (count > eventsPerAppendMax) throw tooLargeError(count, eventsPerAppendMax);
}

/** A copy of a payload: what the caller does to it after the call is not seen. */
export function ownPayload<E extends { readonly payload: Uint8Array | null }>(event: E): E {
  return event.payload === null ? event : { ...event, payload: new Uint8Array(event.payload) };
}

function withOwnPayloads(request: AppendRequest): AppendRequest {
  if (request.by === "outside") return { ...request, fact: ownPayload(request.fact) };
  if (request.by === "executor") return { ...request, fact: ownPayload(request.fact) };
  return { ...request, facts: request.facts.map(ownPayload), decisions: request.decisions.map(ownPayload) };
}

async function readLog(store: Store, runId: string, after: number, limit: number): Promise<readonly LogEvent[]> {
  const last = store.lastEventOf(runId);
  if (last !== null && after === last.position - 1 && limit > 0) return [ownPayload(last)];
  const events = await store.readLog(runId, { after, last: lastPosition }, limit);
  store.cache.observe(runId, after, events);
  return events;
}

async function append(store: Store, runId: string, request: AppendRequest): Promise<AppendResult> {
  if (request.by === "driver") assertFits(request.facts.length + request.decisions.length);
  const missing = (): never => {
    throw new WorkflowRunNotFoundError(runId);
  };
  const begunIn = store.restoration.generation;
  if (request.by === "driver") {
    return store.changes.change<AppendResult>(runId, {
      begunIn,
      missing,
      judge: (situation) => judgeDriver(store, request, situation),
    });
  }
  return store.changes.change<AppendResult>(runId, {
    outsideKey: request.key,
    ...(request.by === "executor" ? { begunIn } : {}),
    missing,
    judge: (situation) => judgeKeyed(store, request, situation),
  });
}

async function judgeDriver(
  store: Store,
  request: DriverAppend,
  situation: Situation,
): Promise<Judgement<AppendResult>> {
  const { stored, storeNow, tokenOwner, queries } = situation;
  const { run } = stored;
  const readHeads = (after: number, last: number) => store.events.readHeads(queries, run.runId, { after, last });
  const view = await store.cache.viewOf(stored, readHeads);
  const verdict = admitDriverAppend(run, view, request, { storeNow, tokenOwner });
  if (verdict.kind === "fenced" || verdict.kind === "refused") return { kind: "answer", answer: () => verdict };
  const seenBefore = async () =>
    request.after < run.tail
      ? store.events.read(queries, run.runId, { after: request.after, last: run.tail }, null)
      : [];
  if (verdict.kind === "moved" || verdict.kind === "duplicate") {
    const answer = async (): Promise<AppendResult> => {
      const reply = { events: await seenBefore(), tail: run.tail, storeNow };
      return verdict.kind === "moved"
        ? { kind: "moved", ...reply }
        : { kind: "appended", ...reply, released: verdict.released };
    };
    return { kind: "answer", answer };
  }
  const jobs = jobChanges(verdict, null);
  // Before the write: once that is made, nothing may fail any more.
  const events = [...(await seenBefore()), ...verdict.events];
  const { released } = verdict;
  const { tail, wakeAt, owner } = verdict.run;
  return {
    kind: "append",
    admitted: verdict,
    view,
    jobs,
    hint: concernsJobs(jobs) ? { owner: null } : released && wakeAt !== null ? { owner } : null,
    answer: (now) => ({ kind: "appended", events, tail, storeNow: now, released }),
  };
}

/** One fact under a key of its sender's, who does not hold the claim. */
type KeyedAppend = OutsideAppend | ExecutorAppend;

/** Whoever does not drive says one thing about one step or hook, or about the run: that needs no fold of a long log. */
async function viewForKeyed(store: Store, { fact }: KeyedAppend, situation: Situation): Promise<RunView> {
  const { run } = situation.stored;
  const held = store.cache.heldView(run);
  if (held !== null) return held;
  if (fact.correlationId === null) return RunView.ofEntity(run, []);
  const events = await store.events.readEntity(situation.queries, run.runId, fact.correlationId, run.tail);
  return RunView.ofEntity(run, events);
}

/**
 * The job of a step is taken for granted, as nearly every one is at the delivery that reports. The write is refused when
 * it is not, and then it is read.
 */
async function jobFor(store: Store, { attempt, delivery, fact }: ExecutorAppend, situation: Situation) {
  if (!situation.mustReadJobs) return { attempt, delivery };
  const job = await store.jobs.find(situation.queries, situation.stored.run.runId, fact.correlationId ?? "");
  return jobAtWork(job);
}

/** Judges an append by somebody who does not hold the claim. */
export async function judgeKeyed(
  store: Store,
  request: KeyedAppend,
  situation: Situation,
): Promise<Judgement<AppendResult>> {
  const { stored, storeNow, tokenOwner, writtenBefore, queries } = situation;
  const { run } = stored;
  const view = await viewForKeyed(store, request, situation);
  const context = { storeNow, tokenOwner, writtenBefore };
  const verdict =
    request.by === "outside"
      ? admitOutsideAppend(run, view, request, context)
      : admitExecutorAppend(run, view, request, { ...context, job: await jobFor(store, request, situation) });
  if (verdict.kind === "refused") return { kind: "answer", answer: () => verdict };
  invariant(verdict.kind === "admitted" || verdict.kind === "duplicate", "only a driver is fenced or moved");
  if (verdict.kind === "duplicate") {
    const answer = async (): Promise<AppendResult> => {
      const range = { after: verdict.first - 1, last: verdict.last };
      const events = await store.events.read(queries, run.runId, range, null);
      return { kind: "appended", events, tail: run.tail, storeNow, released: verdict.released };
    };
    return { kind: "answer", answer };
  }
  const { events, released } = verdict;
  const { tail, owner, endedOwner } = verdict.run;
  const jobs = jobChanges(verdict, reportedDelivery(request));
  return {
    kind: "append",
    admitted: verdict,
    view,
    jobs,
    hint: { owner: concernsJobs(jobs) ? null : (owner ?? endedOwner) },
    answer: (now) => ({ kind: "appended", events, tail, storeNow: now, released }),
  };
}
