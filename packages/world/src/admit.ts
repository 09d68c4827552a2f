/**
 * The rules of the log as one pure function: may this append be written, and as which events?
 *
 * Every backend, and the simulator, asks `admitCreate`, `admitDriverAppend`, `admitOutsideAppend` and
 * `admitExecutorAppend`, and then only writes what comes back. The order of the checks matters: a driver that is ahead of
 * the store and a stale epoch first (neither must ever be answered with a success), then a re-sent append (it must be
 * answered with the original, even after the run ended), then the end of the run, then the tail, then the rules of each
 * event.
 *
 * Owns: positions, `at`, `resumeAt`, hook ordinals, `hook_conflict`, the change of the run's row.
 * Does not own: the uniqueness of tokens and keys over runs (the backend looks them up and passes them in).
 */
import type { DriverAppend, ExecutorAppend, OutsideAppend, RefusalReason } from "./append.ts";
import { type EventRule, refuseEvent, type StepStart } from "./event-rules.ts";
import { type LogEvent, type NewDecision, type NewFact, specVersion } from "./events.ts";
import { earlier } from "./next-wake.ts";
import { isEnded, type RunRecord } from "./run-record.ts";
import { RunView } from "./run-view.ts";
import type { CreateRequest } from "./world.ts";

/** How far a driver's `at` may stray from the store's clock, in milliseconds, before it is asked to estimate anew. */
export const clockBoundMs = 10_000;

/** What the backend looked up for an append. */
export interface AdmitContext {
  /** The store's clock in milliseconds since the epoch. */
  readonly storeNow: number;
  /** The run that holds an open hook with this token hash before this append; null: it is free. */
  readonly tokenOwner: (tokenHash: string) => string | null;
}

/** What the backend looked up for an append that carries a key: also the position that the key has written before. */
export interface KeyedContext extends AdmitContext {
  readonly writtenBefore: number | null;
}

/** What the backend looked up for what an executor reports. */
export interface ExecutorContext extends KeyedContext {
  /** The start at which the job of the step is at work, see `jobAtWork`; null: it has no job, or nobody has taken it. */
  readonly job: StepStart | null;
}

/** Write these events, make this the run's row, and let `view.absorb(fork)` happen once the write is durable. */
export interface Admitted {
  readonly kind: "admitted";
  readonly events: readonly LogEvent[];
  readonly run: RunRecord;
  readonly fork: RunView;
  readonly released: boolean;
}

/** What the rules say about an append. */
export type AppendVerdict =
  | Admitted
  /** The same append was written before, at these positions. */
  | { readonly kind: "duplicate"; readonly first: number; readonly last: number; readonly released: boolean }
  | { readonly kind: "moved" }
  | { readonly kind: "fenced" }
  | { readonly kind: "refused"; readonly reason: RefusalReason };

/** Judges a driver's append. `view` is the fold of the run's whole log. */
export function admitDriverAppend(
  run: RunRecord,
  view: RunView,
  request: DriverAppend,
  context: AdmitContext,
): AppendVerdict {
  if (isAhead(run, request)) return refused({ kind: "ahead", tail: run.tail });
  if (request.epoch !== run.epoch) return { kind: "fenced" };
  const mark = run.lastAppend;
  if (mark !== null && request.n <= mark.n) {
    if (request.n < mark.n) return { kind: "fenced" };
    return { kind: "duplicate", first: mark.first, last: mark.last, released: run.owner === null };
  }
  if (isEnded(run.status)) return refused({ kind: "terminal" });
  if (run.owner === null || run.parked !== null) return { kind: "fenced" };
  if (request.ifTail !== null && request.ifTail !== run.tail) return { kind: "moved" };
  const batch = new Batch(run, view, context, { epoch: request.epoch, key: null, start: null, job: null });
  const refusal = batch.addAll(request.facts, request.decisions, request.ifTail !== null);
  if (refusal !== null) return refused(refusal);
  const lastAppend = { n: request.n, first: run.tail + 1, last: batch.fork.tail };
  const release = request.release !== null && request.after === run.tail ? request.release : null;
  return batch.finish({ ...run, lastAppend }, release);
}

/** No store that has kept what it acknowledged can be asked this: epochs and tails only rise. */
function isAhead({ epoch, tail }: RunRecord, request: DriverAppend): boolean {
  if (request.epoch !== epoch) return request.epoch > epoch;
  return Math.max(request.after, request.ifTail ?? 0) > tail;
}

/** Judges an append by somebody who does not hold the claim. */
export function admitOutsideAppend(
  run: RunRecord,
  view: RunView,
  request: OutsideAppend,
  context: KeyedContext,
): AppendVerdict {
  return admitKeyed(run, view, request, context, { start: null, job: null });
}

/**
 * Judges what came of a step, reported by whoever ran the body. No claim and no tail is asked for: the result counts if
 * the start that it belongs to is still the step's current one: of a background step, the one that its job is at.
 */
export function admitExecutorAppend(
  run: RunRecord,
  view: RunView,
  request: ExecutorAppend,
  context: ExecutorContext,
): AppendVerdict {
  const { attempt, delivery } = request;
  return admitKeyed(run, view, request, context, { start: { attempt, delivery }, job: context.job });
}

function admitKeyed(
  run: RunRecord,
  view: RunView,
  request: OutsideAppend | ExecutorAppend,
  context: KeyedContext,
  reported: Pick<Writer, "start" | "job">,
): AppendVerdict {
  if (context.writtenBefore !== null) {
    return { kind: "duplicate", first: context.writtenBefore, last: context.writtenBefore, released: false };
  }
  if (isEnded(run.status)) return refused({ kind: "terminal" });
  const batch = new Batch(run, view, context, { epoch: null, key: request.key, ...reported });
  const refusal = batch.addAll([{ ...request.fact, at: null }], [], false);
  if (refusal !== null) return refused(refusal);
  const concernsDriver = request.fact.type !== "step_retrying" || !isBackground(batch.fork, request.fact.correlationId);
  const wakeAt = run.owner === null && concernsDriver ? context.storeNow : run.wakeAt;
  return batch.finish({ ...run, wakeAt }, null);
}

/** The retries of such a step are its job's; a driver has nothing to do about them. */
const isBackground = (view: RunView, correlationId: string | null): boolean =>
  view.entityOf("step", correlationId)?.dispatch === "background";

/**
 * Judges the creation of a run that does not exist yet and whose key is free. Give the empty `view` that is to become the
 * run's own, if it is to absorb the fork.
 */
export function admitCreate(
  request: CreateRequest,
  namespace: string,
  context: AdmitContext,
  view: RunView = RunView.empty(),
): Admitted | { readonly kind: "refused"; readonly reason: RefusalReason } {
  const { created, eager } = request;
  const run = newRun(request, namespace, context.storeNow);
  const batch = new Batch(run, view, context, {
    epoch: eager === null ? null : run.epoch,
    key: null,
    start: null,
    job: null,
  });
  const creation: NewFact<"run_created"> = {
    type: "run_created",
    correlationId: null,
    at: eager?.facts[0]?.at ?? null,
    data: { ...created, namespace },
    payload: request.input,
  };
  const refusal =
    batch.addAll([creation], [], true) ?? (eager === null ? null : batch.addAll(eager.facts, eager.decisions, true));
  if (refusal !== null) return refused(refusal);
  if (eager === null) return batch.finish(run, null);
  const lastAppend = { n: 1, first: 1, last: batch.fork.tail };
  return batch.finish({ ...run, owner: eager.worker, wakeAt: null, lastAppend }, eager.release);
}

function newRun(request: CreateRequest, namespace: string, storeNow: number): RunRecord {
  const { created, eager } = request;
  return {
    runId: request.runId,
    namespace,
    key: created.key,
    workflowId: created.workflowId,
    workflowName: created.workflowName,
    bundleId: created.bundleId,
    isolation: created.isolation,
    parentRunId: created.parentRunId,
    rootRunId: created.rootRunId,
    status: "pending",
    tail: 0,
    lastAt: 0,
    epoch: eager === null ? 0 : 1,
    owner: null,
    endedOwner: null,
    lastAppend: null,
    parked: null,
    wakeAt: storeNow,
    expiries: 0,
    claimTail: 0,
    createdAt: storeNow,
    startedAt: null,
    endedAt: null,
  };
}

/** Whose events a batch writes. `start` and `job` are an executor's: see `RuleContext`. */
interface Writer {
  readonly epoch: number | null;
  readonly key: string | null;
  readonly start: StepStart | null;
  readonly job: StepStart | null;
}

/** The events of one append, admitted one after the other against a fork of the view. */
class Batch {
  readonly fork: RunView;
  readonly #run: RunRecord;
  readonly #context: AdmitContext;
  readonly #writer: Writer;
  readonly #events: LogEvent[] = [];
  /** Who holds a token after the events so far, where they changed it; null: nobody. */
  readonly #tokens = new Map<string, string | null>();
  #index = 0;
  #earliestNewWait: number | null = null;
  #hasConflict = false;

  constructor(run: RunRecord, view: RunView, context: AdmitContext, writer: Writer) {
    this.#run = run;
    this.#context = context;
    this.#writer = writer;
    this.fork = view.fork();
  }

  /** Facts first, then decisions (rule 1 of the log). Returns why one is refused, or null. */
  addAll(
    facts: readonly NewFact[],
    decisions: readonly NewDecision[],
    driverChoseClock: boolean,
  ): RefusalReason | null {
    for (const fact of facts) {
      const at = driverChoseClock && fact.at !== null ? fact.at : Math.max(this.fork.lastAt, this.#context.storeNow);
      const refusal = this.#refuseClock(at) ?? this.#refuse(fact, at);
      if (refusal !== null) return refusal;
      this.#write({ ...this.#fields(at, null), ...this.#filledFact(fact) } as LogEvent);
    }
    for (const decision of decisions) {
      const refusal = this.#refuse(decision, decision.at);
      if (refusal !== null) return refusal;
      this.#write(this.#decisionEvent(decision));
    }
    return null;
  }

  /** The verdict, with the run's row as it will be. */
  finish(run: RunRecord, asked: { readonly wakeAt: number | null } | null): Admitted {
    const { storeNow } = this.#context;
    // A conflict is news for the workflow code: its driver has to deliver it before it may let go.
    const release = this.#hasConflict ? null : asked;
    const { fork } = this;
    const ended = isEnded(fork.status);
    const released = ended || (release !== null && run.owner !== null);
    const started = run.startedAt === null && fork.status !== "pending" && fork.status !== "cancelled";
    const wakeAt = ended
      ? null
      : release === null
        ? earlier(run.wakeAt, this.#earliestNewWait)
        : earlier(release.wakeAt, this.#earliestNewWait);
    return {
      kind: "admitted",
      events: this.#events,
      fork,
      released,
      run: {
        ...run,
        status: fork.status,
        tail: fork.tail,
        lastAt: fork.lastAt,
        owner: released ? null : run.owner,
        endedOwner: ended && this.#writer.epoch === null ? run.owner : null,
        parked: ended ? null : run.parked,
        wakeAt,
        startedAt: started ? storeNow : run.startedAt,
        endedAt: ended ? storeNow : null,
      },
    };
  }

  #fields(at: number, cause: number | null) {
    return {
      position: this.fork.tail + 1,
      at,
      committedAt: this.#context.storeNow,
      cause,
      epoch: this.#writer.epoch,
      key: this.#writer.key,
    };
  }

  /** Rule 3: the clock never goes backwards, and a driver's choice stays near the store's clock. */
  #refuseClock(at: number): RefusalReason | null {
    const { storeNow } = this.#context;
    const latest = Math.max(this.fork.lastAt, storeNow + clockBoundMs);
    const earliest = Math.max(this.fork.lastAt, storeNow - clockBoundMs);
    return Number.isSafeInteger(at) && at >= earliest && at <= latest ? null : { kind: "clock", storeNow };
  }

  #refuse(event: NewFact | NewDecision, at: number): RefusalReason | null {
    const rule: EventRule | null = refuseEvent(this.fork, event, {
      at,
      storeNow: this.#context.storeNow,
      epoch: this.#writer.epoch,
      start: this.#writer.start,
      job: this.#writer.job,
    });
    if (rule === null) return null;
    const index = this.#index;
    if (rule === "early") return { kind: "early", index, storeNow: this.#context.storeNow };
    return { kind: "entity", index, rule };
  }

  #filledFact(fact: NewFact) {
    const { type, correlationId, data, payload } = fact;
    if (type !== "hook_received") return { type, correlationId, data, payload };
    const received = this.fork.entityOf("hook", correlationId)?.received ?? 0;
    return { type, correlationId, data: { ordinal: received + 1 }, payload };
  }

  #decisionEvent(decision: NewDecision): LogEvent {
    const { storeNow } = this.#context;
    const { type, correlationId, data, payload } = decision;
    const fields = this.#fields(decision.at, decision.cause);
    if (decision.type === "hook_created") {
      const { tokenHash } = decision.data;
      const changed = this.#tokens.get(tokenHash);
      const owner = changed === undefined ? this.#context.tokenOwner(tokenHash) : changed;
      if (owner !== null) {
        const at = Math.max(this.fork.lastAt, storeNow);
        this.#hasConflict = true;
        const conflict = { tokenHash, conflictingRunId: owner };
        return { ...fields, at, type: "hook_conflict", correlationId, data: conflict, payload: null };
      }
      this.#tokens.set(tokenHash, this.#run.runId);
    }
    if (decision.type === "wait_created") {
      const resumeAt = decision.data.resumeAt ?? storeNow + Math.ceil(decision.data.durationMs ?? 0);
      this.#earliestNewWait = earlier(this.#earliestNewWait, resumeAt);
      const resolved = { ...decision.data, resumeAt };
      return { ...fields, type: "wait_created", correlationId, data: resolved, payload };
    }
    return { ...fields, type, correlationId, data, payload } as LogEvent;
  }

  #write(event: LogEvent): void {
    if (event.type === "hook_disposed") {
      const hook = this.fork.entityOf("hook", event.correlationId);
      if (hook?.state === "open") this.#tokens.set(hook.tokenHash, null);
    }
    this.fork.apply(event, this.#run.runId);
    this.#events.push(event);
    // The creation of the run is not part of the request's facts.
    if (event.type !== "run_created") this.#index += 1;
  }
}

function refused(reason: RefusalReason): { readonly kind: "refused"; readonly reason: RefusalReason } {
  return { kind: "refused", reason };
}

/** True when this version can read and drive a run that was created with this version of the log's format. */
export const isReadableSpec = (version: number): boolean => version >= 1 && version <= specVersion;
