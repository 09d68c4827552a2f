/**
 * What a driver holds of the run that it drives: the log as far as it has read it, the execution that stands there, the
 * open work, the bodies that run, the results that are not in the log yet. Pure bookkeeping; `run-machine.ts` decides.
 */
import { invariant } from "@perdure/errors";
import { isReadableSpec, type LogEvent, specVersion } from "@perdure/world";
import type {
  Effect,
  Fault,
  OpenExecution,
  OpenOptions,
  RunExecution,
  SpeculativeFact,
  StepFinished,
} from "./machine-io.ts";
import { OpenWork } from "./open-work.ts";
import { type FactAtHand, factsAtHand } from "./turn-facts.ts";

export interface HeldRunSetup {
  readonly runId: string;
  readonly epoch: number;
  readonly open: OpenExecution;
  readonly encodeLostError: (call: LogEvent<"step_created">, deliveries: number) => Uint8Array;
  readonly mode: "resident" | "replay";
  /** Bodies of the run that may run at once. */
  readonly runningMax: number;
}

/** An execution that outlived its claim, and the work that it had open. */
export interface Residence {
  readonly execution: RunExecution;
  readonly work: OpenWork;
}

export class HeldRun {
  readonly #setup: HeldRunSetup;
  #execution: RunExecution | null = null;
  #work = new OpenWork();
  #tail = 0;
  /** The whole log, kept only where every turn replays it. */
  readonly #log: LogEvent[] = [];
  /** Step calls and restarts of this claim whose bodies have not been dispatched. */
  #undispatched: LogEvent[] = [];
  /** Open steps that an earlier claim left behind; null until they have been looked for. */
  #orphans: Set<string> | null = null;
  readonly #running = new Map<string, { readonly attempt: number; readonly delivery: number }>();
  readonly #results = new Map<string, StepFinished>();
  /** How the next execution is opened. */
  openOptions: OpenOptions = { alone: false, trace: false };

  constructor(setup: HeldRunSetup) {
    this.#setup = setup;
  }

  /** Position of the last event that is held. */
  get tail(): number {
    return this.#tail;
  }

  get work(): OpenWork {
    return this.#work;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get undispatchedCount(): number {
    return this.#undispatched.length;
  }

  /** Results of bodies that finished and are not in the log yet, in the order in which they finished. */
  get results(): ReadonlyMap<string, StepFinished> {
    return this.#results;
  }

  get execution(): RunExecution {
    invariant(this.#execution !== null, `run ${this.#setup.runId} has no execution`);
    return this.#execution;
  }

  /** Go on with what an earlier claim left in this process. */
  adopt(residence: Residence): void {
    this.#execution = residence.execution;
    this.#work = residence.work;
    this.#tail = residence.execution.consumed;
  }

  /** Hand the execution out, if it stands exactly where the log stands; it is no longer held here. */
  takeResidence(): Residence | null {
    const execution = this.#execution;
    this.#execution = null;
    if (execution === null) return null;
    const settled = !execution.dead && execution.consumed === this.#tail && execution.planned().length === 0;
    if (settled && this.#setup.mode === "resident") return { execution, work: this.#work };
    execution.dispose();
    return null;
  }

  open(created: LogEvent<"run_created">): RunExecution {
    this.#execution = this.#setup.open(created, this.openOptions);
    return this.#execution;
  }

  dropExecution(): void {
    this.#execution?.dispose();
    this.#execution = null;
  }

  /** Forget everything that was read from the log, to read it again; what runs and its results stay (M3). */
  forget(): void {
    this.dropExecution();
    this.#work = new OpenWork();
    this.#orphans = null;
    this.#undispatched = [];
    this.#log.length = 0;
    this.#tail = 0;
  }

  /** Move over events of the log. `feed` false: keep the books only, for the execution is not wanted any more. */
  consume(events: readonly LogEvent[], feed: boolean): Fault | null {
    for (const event of events) {
      this.#tail = event.position;
      this.#work.apply(event);
      this.#remember(event);
    }
    if (this.#setup.mode === "replay") this.#log.push(...events);
    return feed ? this.#feed(events) : null;
  }

  #remember(event: LogEvent): void {
    const { correlationId } = event;
    if (correlationId === null) return;
    if (event.epoch === this.#setup.epoch && (event.type === "step_created" || event.type === "step_started")) {
      if (!this.#work.isBackground(correlationId)) this.#undispatched.push(event);
      this.#orphans?.delete(correlationId);
    }
    if (event.type === "step_completed" || event.type === "step_failed" || event.type === "step_retrying") {
      if (this.#isRecordedBy(event)) this.#results.delete(correlationId);
      if (this.#isRunningBefore(event)) this.#running.delete(correlationId);
      this.#orphans?.delete(correlationId);
    }
  }

  /** The event is what the result at hand became, and not that of an attempt before, read again after a rebuild (M3). */
  #isRecordedBy(event: LogEvent<"step_completed" | "step_failed" | "step_retrying">): boolean {
    const attempt = this.#results.get(event.correlationId ?? "")?.attempt ?? 0;
    return event.type !== "step_retrying" || event.data.attempt > attempt;
  }

  /** An executor has recorded what came of a body that runs here: nothing that it brings is wanted any more. */
  #isRunningBefore(event: LogEvent<"step_completed" | "step_failed" | "step_retrying">): boolean {
    const running = this.#running.get(event.correlationId ?? "");
    return running !== undefined && (event.type !== "step_retrying" || event.data.attempt > running.attempt);
  }

  #feed(events: readonly LogEvent[]): Fault | null {
    const execution = this.#execution;
    if (execution?.dead === true) return null;
    if (execution !== null) return execution.consume(events.filter((event) => event.position > execution.consumed));
    const [created, ...rest] = events;
    if (created === undefined) return null;
    invariant(created.type === "run_created", `the log of ${this.#setup.runId} starts with ${created.type}`);
    const found = created.data.specVersion;
    if (!isReadableSpec(found)) {
      const detail = `Version ${found} of the log's format wrote the run; this process reads up to ${specVersion}.`;
      return { reason: "unknown_event", detail, position: 1 };
    }
    return this.open(created).consume(rest);
  }

  /** In mode `replay`, the classic loop: every turn starts from a fresh replay of the whole log. */
  replayForTurn(): Fault | null {
    if (this.#setup.mode !== "replay") return null;
    this.dropExecution();
    const fault = this.#feed(this.#log);
    if (fault === null) this.execution.takeConsole();
    return fault;
  }

  /** The facts at hand, at most `max` of them. */
  facts(storeNow: number, max: number): readonly FactAtHand[] {
    return factsAtHand(
      {
        view: this.execution.view,
        work: this.#work,
        epoch: this.#setup.epoch,
        storeNow,
        results: this.#results,
        orphans: this.#findOrphans(),
        freeSlots: this.#setup.runningMax - this.#running.size,
        encodeLostError: this.#setup.encodeLostError,
      },
      max,
    );
  }

  #findOrphans(): ReadonlySet<string> {
    if (this.#orphans !== null) return this.#orphans;
    const { view } = this.execution;
    const isOrphan = (id: string): boolean =>
      !this.#work.isBackground(id) && view.entityOf("step", id)?.epoch !== this.#setup.epoch;
    this.#orphans = new Set([...this.#work.steps.keys()].filter(isOrphan));
    return this.#orphans;
  }

  /** The same facts with a clock, at the positions that they will have. */
  clocked(facts: readonly FactAtHand[], storeNow: number): readonly SpeculativeFact[] {
    const at = Math.max(this.execution.view.lastAt, storeNow);
    return facts.map((fact, index) => ({ ...fact, at, position: this.#tail + index + 1 }));
  }

  /** Start the bodies that acknowledged events allow, and the retries of this claim that are due (M2). */
  dispatch(storeNow: number): Effect[] {
    const effects: Effect[] = [];
    for (const { correlationId } of this.#undispatched) {
      // What failed meanwhile starts again when its retry is due.
      const waits = correlationId === null || this.#work.retries.has(correlationId);
      if (!waits) this.#dispatchStep(correlationId, effects);
    }
    this.#undispatched = [];
    for (const [id, retryAt] of this.#work.retries) {
      if (retryAt <= storeNow && this.#dispatchStep(id, effects)) this.#work.retries.delete(id);
    }
    return effects;
  }

  #dispatchStep(correlationId: string, effects: Effect[]): boolean {
    const step = this.execution.view.entityOf("step", correlationId);
    const created = this.#work.steps.get(correlationId);
    if (step === undefined || created === undefined || step.epoch !== this.#setup.epoch) return false;
    if (this.#running.has(correlationId) || this.#results.has(correlationId)) return false;
    const { attempt, delivery } = step;
    const { workflow } = this.#work;
    this.#running.set(correlationId, { attempt, delivery });
    effects.push({ kind: "runStep", task: { created, correlationId, attempt, delivery, workflow } });
    return true;
  }

  /** Take note that a body has finished; false when it is not one that runs here. */
  finished(finished: StepFinished): boolean {
    const running = this.#running.get(finished.correlationId);
    if (running?.attempt !== finished.attempt || running.delivery !== finished.delivery) return false;
    this.#running.delete(finished.correlationId);
    return true;
  }

  keepResult(finished: StepFinished): void {
    this.#results.set(finished.correlationId, finished);
  }

  dropResult(correlationId: string): void {
    this.#results.delete(correlationId);
  }

  /** No more bodies are to be started. */
  stopDispatching(): void {
    this.dropExecution();
    this.#undispatched = [];
  }
}
