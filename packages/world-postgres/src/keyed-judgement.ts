/**
 * Judges appends by those who do not hold the claim: one, or several of one run in the order in which they are to stand in
 * the log. Each is judged by what those before it leave, so each has the verdict that it would have had alone.
 */
import { invariant } from "@perdure/errors";
import {
  type Admitted,
  type AppendResult,
  type AppendVerdict,
  admitExecutorAppend,
  admitOutsideAppend,
  concernsJobs,
  type ExecutorAppend,
  type JobChanges,
  jobAtWork,
  jobChanges,
  type LogEvent,
  type OutsideAppend,
  type RunRecord,
  RunView,
  reportedDelivery,
} from "@perdure/world";
import { eventFromRow } from "./event-rows.ts";
import type { Judgement, Situation } from "./run-changes.ts";
import type { Store } from "./store.ts";

/** One fact under a key of its sender's, who does not hold the claim. */
export type KeyedAppend = OutsideAppend | ExecutorAppend;

/** A request with its verdict, and the tail that was known when it was judged. */
interface Judged {
  readonly request: KeyedAppend;
  readonly verdict: AppendVerdict;
  readonly tail: number;
}

type Answer = (storeNow: number) => AppendResult;

/** `requests`: no two of one key, and no two reports on one step. The answers are in their order. */
export async function judgeKeyed(
  store: Store,
  requests: readonly KeyedAppend[],
  situation: Situation,
): Promise<Judgement<readonly AppendResult[]>> {
  const jobOf = await jobsFor(store, requests, situation);
  const view = await viewFor(store, requests, situation);
  const { judged, admitted } = judgeInTurn(requests, view, situation, jobOf);
  // Before the write: once that is made, nothing may fail any more.
  const answers = await answersTo(store, judged, situation);
  if (admitted === null) return { kind: "answer", answer: () => answers.map((answer) => answer(situation.storeNow)) };
  const jobs = allJobChanges(judged);
  const { owner, endedOwner } = admitted.run;
  return {
    kind: "append",
    admitted,
    view,
    jobs,
    hint: concernsJobs(jobs) ? { owner: null, jobs: true } : { owner: owner ?? endedOwner, jobs: false },
    answer: (now) => answers.map((answer) => answer(now)),
  };
}

type JobOf = (request: ExecutorAppend) => { readonly attempt: number; readonly delivery: number } | null;

/**
 * The job of a step is taken for granted, as nearly every one is at the delivery that reports. The write is refused when
 * one is not, and then they are read.
 */
async function jobsFor(store: Store, requests: readonly KeyedAppend[], situation: Situation): Promise<JobOf> {
  const { mustReadJobs, queries, stored } = situation;
  if (!mustReadJobs) return ({ attempt, delivery }) => ({ attempt, delivery });
  const steps = requests.flatMap(({ by, fact }) => (by === "executor" ? (fact.correlationId ?? []) : []));
  const jobs = await store.jobs.find(queries, stored.run.runId, steps);
  return ({ fact }) => jobAtWork(jobs.get(fact.correlationId ?? ""));
}

/** Whoever does not drive speaks of single steps or hooks, or of the run: that needs no fold of a long log. */
async function viewFor(store: Store, requests: readonly KeyedAppend[], situation: Situation): Promise<RunView> {
  const { stored, queries } = situation;
  const { run } = stored;
  const held = store.cache.heldView(run);
  if (held !== null) return held;
  const ids = [...new Set(requests.flatMap(({ fact }) => fact.correlationId ?? []))];
  if (ids.length === 0) return RunView.ofEntity(run, []);
  if (store.cache.wantsFold(run.runId)) {
    return store.cache.viewOf(stored, (after, last) => store.events.readHeads(queries, run.runId, { after, last }));
  }
  return RunView.ofEntity(run, await store.events.readEntities(queries, run.runId, ids, run.tail));
}

/** The verdicts, and what is to be written of all that are admitted; null: nothing. */
function judgeInTurn(
  requests: readonly KeyedAppend[],
  view: RunView,
  { stored, storeNow, tokenOwner, writtenBefore }: Situation,
  jobOf: JobOf,
): { readonly judged: readonly Judged[]; readonly admitted: Admitted | null } {
  const fork = view.fork();
  const events: LogEvent[] = [];
  let run: RunRecord = stored.run;
  let isReleased = false;
  const judged = requests.map((request): Judged => {
    const context = { storeNow, tokenOwner, writtenBefore: writtenBefore.get(request.key) ?? null };
    const verdict =
      request.by === "outside"
        ? admitOutsideAppend(run, fork, request, context)
        : admitExecutorAppend(run, fork, request, { ...context, job: jobOf(request) });
    if (verdict.kind === "admitted") {
      fork.absorb(verdict.fork);
      run = verdict.run;
      events.push(...verdict.events);
      isReleased ||= verdict.released;
    }
    return { request, verdict, tail: run.tail };
  });
  if (events.length === 0) return { judged, admitted: null };
  return { judged, admitted: { kind: "admitted", events, run, fork, released: isReleased } };
}

function allJobChanges(judged: readonly Judged[]): JobChanges {
  const changes = judged.flatMap(({ request, verdict }) =>
    verdict.kind === "admitted" ? [jobChanges(verdict, reportedDelivery(request))] : [],
  );
  return {
    droppedAll: changes.some(({ droppedAll }) => droppedAll),
    added: changes.flatMap(({ added }) => added),
    done: changes.flatMap(({ done }) => done),
    retried: changes.flatMap(({ retried }) => retried),
  };
}

async function answersTo(store: Store, judged: readonly Judged[], situation: Situation): Promise<readonly Answer[]> {
  const originals = await originalsOf(store, judged, situation);
  return judged.map(({ verdict, tail }, index): Answer => {
    if (verdict.kind === "refused") return () => verdict;
    invariant(verdict.kind === "admitted" || verdict.kind === "duplicate", "only a driver is fenced or moved");
    const events = verdict.kind === "admitted" ? verdict.events : (originals.get(index) ?? []);
    const { released } = verdict;
    return (storeNow) => ({ kind: "appended", events, tail, storeNow, released });
  });
}

/** What was written before by those requests that are repetitions, by their places. */
async function originalsOf(
  store: Store,
  judged: readonly Judged[],
  { stored, queries }: Situation,
): Promise<ReadonlyMap<number, readonly LogEvent[]>> {
  const { runId } = stored.run;
  const places: number[] = [];
  const parts = judged.flatMap(({ verdict }, index) => {
    if (verdict.kind !== "duplicate") return [];
    places.push(index);
    const { first, last } = verdict;
    return [{ runId, range: { after: first - 1, last }, limit: last - first + 1 }];
  });
  if (parts.length === 0) return new Map();
  const rows = await store.events.readParts(queries, parts);
  return new Map(places.map((place, index) => [place, (rows[index] ?? []).map(eventFromRow)]));
}
