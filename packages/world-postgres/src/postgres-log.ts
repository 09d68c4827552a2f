/** Logs: reading, and the append that everything rests on. */
import { WorkflowRunNotFoundError } from "@perdure/errors";
import {
  type AppendRequest,
  type AppendResult,
  admitDriverAppend,
  concernsJobs,
  type DriverAppend,
  jobChanges,
  type LogEvent,
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
  if (request.by !== "driver") return store.keyedAppends.append(runId, request);
  assertFits(request.facts.length + request.decisions.length);
  return store.changes.change<AppendResult>(runId, {
    begunIn: store.restoration.generation,
    missing: () => {
      throw new WorkflowRunNotFoundError(runId);
    },
    judge: (situation) => judgeDriver(store, request, situation),
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
    hint: concernsJobs(jobs)
      ? { owner: null, jobs: true }
      : released && wakeAt !== null
        ? { owner, jobs: false }
        : null,
    answer: (now) => ({ kind: "appended", events, tail, storeNow: now, released }),
  };
}
