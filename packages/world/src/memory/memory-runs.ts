import { admitCreate } from "../admit.ts";
import { isEagerClaimGone } from "../claim-rules.ts";
import { isEnded, type RunRecord } from "../run-record.ts";
import { RunView } from "../run-view.ts";
import type { CreateRequest, CreateResult, Page, RunFilter, WorldRuns } from "../world.ts";
import { copied, type StoredRun } from "./memory-space.ts";
import { cursorOf } from "./run-order.ts";
import type { Session } from "./session.ts";

export function memoryRuns(session: Session): WorldRuns {
  return {
    async create(request) {
      session.assertOpen();
      return createRun(session, request);
    },
    async get(runId) {
      session.assertOpen();
      return session.space.runs.get(runId)?.run ?? null;
    },
    async list(filter) {
      session.assertOpen();
      return listRuns(session, filter);
    },
    async waitForEnd(runId, timeoutMs) {
      session.assertOpen();
      const stored = session.space.runs.get(runId);
      if (stored === undefined) return null;
      return isSettled(stored.run) ? stored.run : waitUntilSettled(session, stored, timeoutMs);
    },
  };
}

const isSettled = (run: RunRecord): boolean => isEnded(run.status) || run.parked !== null;

function createRun(session: Session, request: CreateRequest): CreateResult {
  const { space } = session;
  const { eager } = request;
  const context = session.context();
  const known = space.runs.get(request.runId);
  if (known !== undefined) return createdAs(known, context.storeNow, isEagerClaimGone(known.run, eager));
  const holder = request.created.key === null ? undefined : space.keys.get(request.created.key);
  if (holder !== undefined) return { kind: "existing", run: holder.run };
  session.assertFits(1 + (eager?.facts.length ?? 0) + (eager?.decisions.length ?? 0));
  const view = RunView.empty();
  const verdict = admitCreate(request, space.namespace, context, view);
  if (verdict.kind === "refused") return verdict;
  const stored = space.add(verdict, view);
  if (verdict.run.owner === null && verdict.run.wakeAt !== null) space.notify(request.runId);
  return createdAs(stored, context.storeNow, verdict.released);
}

function createdAs(stored: StoredRun, storeNow: number, released: boolean): CreateResult {
  return { kind: "created", run: stored.run, events: copied(stored.events), storeNow, released };
}

function listRuns(session: Session, filter: RunFilter): Page<RunRecord> {
  const items: RunRecord[] = [];
  for (const runId of session.space.order.after(filter.cursor)) {
    const { run } = session.get(runId);
    if (!isListed(run, filter)) continue;
    const last = items.at(-1);
    if (items.length >= filter.limit && last !== undefined) return { items, cursor: cursorOf(last) };
    items.push(run);
  }
  return { items, cursor: null };
}

function isListed(run: RunRecord, { status, workflowId, parked }: RunFilter): boolean {
  if (status !== undefined && run.status !== status) return false;
  if (workflowId !== undefined && run.workflowId !== workflowId) return false;
  return parked === undefined || parked === (run.parked !== null);
}

function waitUntilSettled(session: Session, stored: StoredRun, timeoutMs: number): Promise<RunRecord> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      stored.waiters.delete(finish);
      cancelTimer();
      forgetClose();
    };
    const finish = () => {
      stop();
      resolve(stored.run);
    };
    const forgetClose = session.onClose((reason) => {
      stop();
      reject(reason);
    });
    const cancelTimer = session.env.setTimer(timeoutMs, finish);
    stored.waiters.add(finish);
  });
}
