import { invariant } from "@perdure/errors";
import { admitDriverAppend, admitExecutorAppend, admitOutsideAppend } from "../admit.ts";
import type { AppendRequest, AppendResult, DriverAppend, ExecutorAppend, OutsideAppend } from "../append.ts";
import { jobAtWork, reportedDelivery } from "../step-jobs.ts";
import type { WorldLog } from "../world.ts";
import { copied, type StoredRun } from "./memory-space.ts";
import type { Session } from "./session.ts";

export function memoryLog(session: Session, compareAndAppend: boolean): WorldLog {
  return {
    async read(runId, { after, limit }) {
      session.assertOpen();
      const events = session.space.runs.get(runId)?.events ?? [];
      return copied(events.slice(after, after + limit));
    },
    async append(runId, request: AppendRequest): Promise<AppendResult> {
      session.assertOpen();
      const stored = session.get(runId);
      if (request.by !== "driver") return appendKeyed(session, stored, request);
      return appendDriver(session, stored, compareAndAppend ? request : { ...request, ifTail: null });
    },
  };
}

function appendDriver(session: Session, stored: StoredRun, request: DriverAppend): AppendResult {
  session.assertFits(request.facts.length + request.decisions.length);
  const context = session.context();
  const verdict = admitDriverAppend(stored.run, stored.view, request, context);
  if (verdict.kind === "fenced" || verdict.kind === "refused") return verdict;
  if (verdict.kind === "admitted") {
    session.space.write(stored, verdict);
    if (verdict.released && verdict.run.wakeAt !== null) session.space.notify(verdict.run.runId);
  }
  const events = copied(stored.events.slice(request.after));
  const reply = { events, tail: stored.run.tail, storeNow: context.storeNow };
  return verdict.kind === "moved"
    ? { kind: "moved", ...reply }
    : { kind: "appended", ...reply, released: verdict.released };
}

/** One fact under a key of its sender's, who does not hold the claim. */
function appendKeyed(session: Session, stored: StoredRun, request: OutsideAppend | ExecutorAppend): AppendResult {
  const job = session.space.jobs.get(stored.run.runId, request.fact.correlationId ?? "");
  const writtenBefore = stored.outside.get(request.key) ?? null;
  const context = { ...session.context(), writtenBefore, job: jobAtWork(job) };
  const verdict =
    request.by === "outside"
      ? admitOutsideAppend(stored.run, stored.view, request, context)
      : admitExecutorAppend(stored.run, stored.view, request, context);
  if (verdict.kind === "refused") return verdict;
  invariant(verdict.kind === "admitted" || verdict.kind === "duplicate", "only a driver is fenced or moved");
  let first = stored.run.tail + 1;
  let last = first;
  if (verdict.kind === "duplicate") ({ first, last } = verdict);
  else {
    session.space.write(stored, verdict, reportedDelivery(request));
    session.space.notify(stored.run.runId);
  }
  return {
    kind: "appended",
    events: copied(stored.events.slice(first - 1, last)),
    tail: stored.run.tail,
    storeNow: context.storeNow,
    released: verdict.released,
  };
}
