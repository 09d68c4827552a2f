/**
 * The steps, waits and hooks of one log, kept by the simulator itself. The rules of the world are written a second time
 * here, in their plainest form, so that neither copy vouches for itself.
 */
import type { LogEvent } from "@perdure/world";

interface Step {
  /** Its starts are its job's, which `job-watch.ts` looks after. */
  readonly isBackground: boolean;
  attempt: number;
  delivery: number;
  epoch: number | null;
  retryAt: number;
  isDone: boolean;
}

interface Wait {
  readonly resumeAt: number;
  /** Since when it could complete: a wait may be created for a moment that is past. */
  readonly dueAt: number;
  isDone: boolean;
}

interface HookBook {
  isOpen: boolean;
  received: number;
}

export type ReportEvent = (invariant: string, message: string) => void;

export class EntityBooks {
  readonly steps = new Map<string, Step>();
  readonly waits = new Map<string, Wait>();
  readonly hooks = new Map<string, HookBook>();
  status: "pending" | "running" | "ended" = "pending";
  readonly #report: ReportEvent;
  readonly #storeNow: () => number;

  constructor(report: ReportEvent, storeNow: () => number) {
    this.#report = report;
    this.#storeNow = storeNow;
  }

  apply(event: LogEvent): void {
    const id = event.correlationId;
    if (id !== null) this.#applyTo(id, event);
    else if (event.type === "run_started") {
      if (this.status !== "pending") this.#report("L1", `a second run_started at ${event.position}`);
      this.status = "running";
    } else if (event.type !== "run_created") {
      if (event.type !== "run_cancelled" && this.status !== "running") {
        this.#report("X1", `${event.type} at ${event.position} of a run that is ${this.status}`);
      }
      this.status = "ended";
    }
  }

  /** The earliest moment at which the log itself asks to be looked at; null: never. */
  get nextDue(): number | null {
    const dues = [
      ...[...this.waits.values()].filter((wait) => !wait.isDone).map((wait) => wait.resumeAt),
      ...[...this.steps.values()].filter((step) => !step.isDone && !step.isBackground).map((step) => step.retryAt),
    ];
    return dues.length === 0 ? null : Math.min(...dues);
  }

  get hasOpenBackgroundStep(): boolean {
    return [...this.steps.values()].some((step) => step.isBackground && !step.isDone);
  }

  get hasOpenHook(): boolean {
    return [...this.hooks.values()].some((hook) => hook.isOpen);
  }

  #applyTo(id: string, event: LogEvent): void {
    switch (event.type) {
      case "step_created":
        if (this.steps.has(id)) this.#report("S1", `the step ${id} was created twice, again at ${event.position}`);
        this.steps.set(id, {
          isBackground: event.data.dispatch === "background",
          attempt: 1,
          delivery: 1,
          epoch: event.epoch,
          retryAt: 0,
          isDone: false,
        });
        break;
      case "step_started":
      case "step_retrying":
      case "step_completed":
      case "step_failed":
        this.#applyToStep(id, event);
        break;
      case "wait_created":
        this.#createWait(id, event);
        break;
      case "wait_completed":
        this.#completeWait(id, event);
        break;
      case "hook_created":
        this.hooks.set(id, { isOpen: true, received: 0 });
        break;
      case "hook_conflict":
        this.hooks.set(id, { isOpen: false, received: 0 });
        break;
      case "hook_received":
        this.#receive(id, event);
        break;
      case "hook_disposed": {
        const hook = this.hooks.get(id);
        if (hook !== undefined) hook.isOpen = false;
        break;
      }
    }
  }

  #applyToStep(id: string, event: LogEvent<"step_started" | "step_retrying" | "step_completed" | "step_failed">): void {
    const { position, type } = event;
    const step = this.steps.get(id);
    if (step === undefined) {
      this.#report("S5", `${type} at ${position} of a step that was never created`);
      return;
    }
    if (step.isDone) this.#report("S1", `${type} at ${position} of a step that has its result`);
    if (event.type === "step_started") {
      if (event.data.attempt !== step.attempt || event.data.delivery !== step.delivery + 1) {
        this.#report(
          "S5",
          `delivery ${event.data.attempt}.${event.data.delivery} follows ${step.attempt}.${step.delivery}`,
        );
      }
      if (this.#storeNow() < step.retryAt) this.#report("T1", `a retry was started early, at ${position}`);
      Object.assign(step, { delivery: event.data.delivery, epoch: event.epoch, retryAt: 0 });
      return;
    }
    // An executor holds no claim, and answers for the start alone.
    if (!step.isBackground && event.epoch !== null && step.epoch !== event.epoch)
      this.#report("S4", `${type} at ${position} is of a claim that does not own the attempt`);
    if (event.type === "step_retrying") {
      if (event.data.attempt !== step.attempt + 1)
        this.#report("S5", `attempt ${event.data.attempt} follows ${step.attempt}`);
      Object.assign(step, { attempt: event.data.attempt, delivery: 1, retryAt: event.data.retryAt });
    } else {
      const isDelivery = step.isBackground || event.data.delivery === step.delivery;
      const isCurrent = event.data.attempt === step.attempt && isDelivery;
      if (!isCurrent) this.#report("S4", `${type} at ${position} is of another attempt or delivery`);
      step.isDone = true;
    }
  }

  /** T2: a length is counted from the store's clock. */
  #createWait(id: string, { position, data, committedAt }: LogEvent<"wait_created">): void {
    const resumeAt = data.resumeAt ?? Number.NaN;
    if (data.durationMs !== null && resumeAt !== committedAt + Math.ceil(data.durationMs)) {
      this.#report(
        "T2",
        `a wait of ${data.durationMs} ms, created at ${committedAt}, ends at ${resumeAt} (${position})`,
      );
    }
    this.waits.set(id, { resumeAt, dueAt: Math.max(resumeAt, committedAt), isDone: false });
  }

  #completeWait(id: string, { position, at }: LogEvent): void {
    const wait = this.waits.get(id);
    if (wait === undefined || wait.isDone) this.#report("T2", `a wait completes without being open, at ${position}`);
    else if (this.#storeNow() < wait.resumeAt || at < wait.resumeAt) {
      this.#report("T1", `a wait until ${wait.resumeAt} completed at ${this.#storeNow()}, clock ${at}`);
    }
    if (wait !== undefined) wait.isDone = true;
  }

  #receive(id: string, { position, data }: LogEvent<"hook_received">): void {
    const hook = this.hooks.get(id);
    if (hook?.isOpen !== true) this.#report("H4", `a payload at ${position} for a hook that is not open`);
    if (hook !== undefined && data.ordinal !== hook.received + 1) {
      this.#report("H2", `payload ${data.ordinal} follows payload ${hook.received}, at ${position}`);
    }
    if (hook !== undefined) hook.received = data.ordinal;
  }
}
