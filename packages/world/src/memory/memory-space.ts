/**
 * What a memory store holds for one namespace, and the one way to change it.
 *
 * Owns: rows, logs, the uniqueness of keys and tokens, the indexes behind claims and lists, who waits for what. A change
 * is one synchronous call, so it is atomic. Does not own: the rules (`admit`, `claim-rules`) and the clock.
 */
import { invariant } from "@perdure/errors";
import type { Admitted } from "../admit.ts";
import type { Heartbeat } from "../claim-rules.ts";
import type { LogEvent } from "../events.ts";
import { isEnded, type RunRecord } from "../run-record.ts";
import type { RunView } from "../run-view.ts";
import { concernsJobs, type JobDelivery, jobChanges } from "../step-jobs.ts";
import type { StreamMark } from "../stream-rules.ts";
import type { StreamClose } from "../streams.ts";
import type { OpenHook } from "../world.ts";
import { DueQueue } from "./due-queue.ts";
import { MemoryJobs } from "./memory-jobs.ts";
import { RunOrder } from "./run-order.ts";

/** One run: its row, its log, and the fold of it. */
export interface StoredRun {
  run: RunRecord;
  readonly view: RunView;
  readonly events: LogEvent[];
  /** Positions of outside events by the sender's idempotency key. */
  readonly outside: Map<string, number>;
  /** Who waits for the run to end or to be parked. */
  readonly waiters: Set<() => void>;
  readonly streams: Map<string, StoredStream>;
  /** Who waits for a stream of the run to grow or to end. */
  readonly readers: Set<() => void>;
}

/** One stream of a run. */
export interface StoredStream {
  readonly name: string;
  readonly createdAt: number;
  readonly chunks: Uint8Array[];
  bytes: number;
  closed: StreamClose | null;
  /** Each writer's last append, by `streamWriterId`. */
  readonly marks: Map<string, StreamMark>;
}

export class MemorySpace {
  readonly namespace: string;
  readonly runs = new Map<string, StoredRun>();
  readonly order = new RunOrder();
  readonly keys = new Map<string, StoredRun>();
  readonly tokens = new Map<string, OpenHook>();
  readonly jobs = new MemoryJobs();
  readonly beats = new Map<string, Heartbeat>();
  readonly bundles = new Map<string, Uint8Array>();
  /** Told of every run that may have become due, or moved under its driver. */
  readonly listeners = new Set<(runId: string) => void>();
  readonly #held = new Map<string, Set<StoredRun>>();
  readonly #ended = new Map<string, Set<StoredRun>>();
  readonly #due = new Map<string, DueQueue>();

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  /** Add a run whose creation was admitted. */
  add(admitted: Admitted, view: RunView): StoredRun {
    const stored: StoredRun = {
      run: admitted.run,
      view,
      events: [],
      outside: new Map(),
      waiters: new Set(),
      streams: new Map(),
      readers: new Set(),
    };
    const { runId, key } = admitted.run;
    this.runs.set(runId, stored);
    this.order.add(admitted.run);
    if (key !== null) this.keys.set(key, stored);
    this.write(stored, admitted);
    return stored;
  }

  /** Write the events, the row and the jobs of an append that was admitted. `reported`: see `jobChanges`. */
  write(stored: StoredRun, admitted: Admitted, reported: JobDelivery | null = null): void {
    for (const event of admitted.events) {
      stored.events.push(sealed(event));
      if (event.key !== null) stored.outside.set(event.key, event.position);
      this.#writeToken(stored.run.runId, event, admitted.fork);
    }
    stored.view.absorb(admitted.fork);
    const jobs = jobChanges(admitted, reported);
    this.jobs.apply(stored.run.runId, jobs);
    this.setRun(stored, admitted.run);
    if (isEnded(admitted.run.status)) this.#freeTokens(stored);
    if (concernsJobs(jobs)) this.notify(stored.run.runId);
  }

  /** Replace a run's row and bring the indexes in line with it. */
  setRun(stored: StoredRun, run: RunRecord): void {
    move(this.#held, stored, stored.run.owner, run.owner);
    move(this.#ended, stored, stored.run.endedOwner, run.endedOwner);
    stored.run = Object.freeze(run);
    const idle = !isEnded(run.status) && run.parked === null && run.owner === null;
    if (idle && run.wakeAt !== null) this.#queue(run.workflowId).set(run.runId, run.wakeAt);
    else this.#due.get(run.workflowId)?.delete(run.runId);
    if (isEnded(run.status) || run.parked !== null) for (const wake of [...stored.waiters]) wake();
    if (isEnded(run.status)) for (const wake of [...stored.readers]) wake();
  }

  /** The runs that a worker has claimed. */
  heldBy(workerId: string): ReadonlySet<StoredRun> {
    return this.#held.get(workerId) ?? nothing;
  }

  /** The runs that ended by another's hand while this worker had claimed them. */
  endedUnder(workerId: string): ReadonlySet<StoredRun> {
    return this.#ended.get(workerId) ?? nothing;
  }

  /** Drop a run from {@link endedUnder}: its worker has been told for long enough. */
  forgetEnded(workerId: string, stored: StoredRun): void {
    move(this.#ended, stored, workerId, null);
  }

  /** The workers that hold a claim, alive or not. */
  owners(): Iterable<string> {
    return this.#held.keys();
  }

  /** Of each of these workflows the idle run that is due first; those that are due sooner come first. */
  heads(workflows: readonly string[]): readonly { readonly stored: StoredRun; readonly dueAt: number }[] {
    const heads = workflows.flatMap((workflowId) => {
      const first = this.#due.get(workflowId)?.first();
      if (first === undefined) return [];
      const stored = this.runs.get(first.runId);
      invariant(stored !== undefined, `a run that is due exists: ${first.runId}`);
      return [{ stored, dueAt: first.dueAt }];
    });
    return heads.sort((a, b) => a.dueAt - b.dueAt);
  }

  notify(runId: string): void {
    for (const listener of this.listeners) listener(runId);
  }

  #queue(workflowId: string): DueQueue {
    const known = this.#due.get(workflowId);
    if (known !== undefined) return known;
    const queue = new DueQueue();
    this.#due.set(workflowId, queue);
    return queue;
  }

  #writeToken(runId: string, event: LogEvent, view: RunView): void {
    if (event.correlationId === null) return;
    if (event.type === "hook_created") {
      this.tokens.set(event.data.tokenHash, { runId, correlationId: event.correlationId, position: event.position });
    }
    if (event.type === "hook_disposed") {
      this.#freeToken(runId, event.correlationId, view.entityOf("hook", event.correlationId)?.tokenHash);
    }
  }

  #freeTokens(stored: StoredRun): void {
    for (const [id, entity] of stored.view.entities()) {
      if (entity.kind === "hook") this.#freeToken(stored.run.runId, id, entity.tokenHash);
    }
  }

  /** Frees a token if this very hook holds it: a hook in conflict names one that another run holds. */
  #freeToken(runId: string, correlationId: string, tokenHash: string | undefined): void {
    if (tokenHash === undefined) return;
    const holder = this.tokens.get(tokenHash);
    if (holder?.runId === runId && holder.correlationId === correlationId) this.tokens.delete(tokenHash);
  }
}

const nothing: ReadonlySet<StoredRun> = new Set();

function move(index: Map<string, Set<StoredRun>>, stored: StoredRun, from: string | null, to: string | null): void {
  if (from !== null && from !== to) {
    const left = index.get(from);
    left?.delete(stored);
    if (left?.size === 0) index.delete(from);
  }
  if (to === null) return;
  const joined = index.get(to);
  if (joined === undefined) index.set(to, new Set([stored]));
  else joined.add(stored);
}

/** The store's own copy of an event: nothing that the caller does to its objects later is seen. */
function sealed(event: LogEvent): LogEvent {
  const payload = event.payload === null ? null : new Uint8Array(event.payload);
  return Object.freeze({ ...event, data: Object.freeze({ ...event.data }), payload } as LogEvent);
}

/** The reader's own copy of events: only payloads can be changed, so only they are copied. */
export function copied(events: readonly LogEvent[]): LogEvent[] {
  return events.map((event) => (event.payload === null ? event : { ...event, payload: new Uint8Array(event.payload) }));
}
