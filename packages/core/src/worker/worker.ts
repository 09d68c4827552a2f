/**
 * A worker: claims due runs of the workflows that this process knows, drives them, and proves that it lives.
 *
 * Owns: the claim loop, the drives, the residents, the step slots, the heartbeat. One worker serves one world.
 *
 *  W1  A worker claims only workflows that are registered here, only while its heartbeat is in time, and never more runs
 *      than it has room for.
 *  W2  A hint only makes it look sooner: the claim loop and the poll, on their own timers, are enough (M6, Q1).
 *  W3  `stop` gives every run back after its running bodies were recorded; nothing new is claimed or started.
 *  W4  A store that was put back to an earlier state makes all that a worker knows worthless: `onRestored` is told, and
 *      whoever owns the worker lets go of it by `abandon`, which writes nothing.
 */
import {
  BundleUntrustedError,
  PerdureError,
  parkedHint,
  RunParkedError,
  StoreError,
  sentenceOf,
  storeRestoredError,
} from "@perdure/errors";
import type { ClaimedRun, RunRecord, WorkerInfo, World } from "@perdure/world";
import type { Env } from "../env.ts";
import type { HydrationMemo } from "../hydrate/hydration-memo.ts";
import type { HeldBundle } from "../realm/bundle.ts";
import type { Guard } from "../realm/guard.ts";
import type { EagerRequest } from "../run/eager-start.ts";
import type { ConsoleLine, DriveEnd, Fault, StepTask } from "../run/machine-io.ts";
import { RunMachine } from "../run/run-machine.ts";
import type { StepOutcome } from "../run/step-outcome.ts";
import { StoreClock } from "../run/store-clock.ts";
import { executeStep } from "../step/execute.ts";
import { onRegistration, queueOf, registeredWorkflows } from "../step/registry.ts";
import { StepSlots } from "../step/step-slots.ts";
import { BackgroundSteps } from "./background-steps.ts";
import type { BundleShelf } from "./bundle-shelf.ts";
import { Drive } from "./drive.ts";
import type { ExecutionFactory } from "./execution-factory.ts";
import { FailureReport } from "./failure-report.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { encodeLostError } from "./lost-step.ts";
import { untilDue } from "./next-look.ts";
import { Residents } from "./residents.ts";
import { reviveParked } from "./revive-parked.ts";
import type { WorkerSettings } from "./settings.ts";
import { stepContext } from "./step-scope.ts";
import { Turnstile } from "./turnstile.ts";
import { startUnclaimed } from "./unclaimed-start.ts";

/** What a worker is made of. */
export interface WorkerParts {
  readonly world: World;
  readonly env: Env;
  readonly guard: Guard;
  readonly executions: ExecutionFactory;
  readonly heartbeat: Heartbeat;
  readonly shelf: BundleShelf;
  readonly settings: WorkerSettings;
  readonly info: { readonly id: string; readonly leaseMs: number };
  readonly namespace: string;
  readonly print: (runId: string, lines: readonly ConsoleLine[]) => void;
  readonly onError: (error: unknown) => void;
  /** The store lacks what it had acknowledged to this worker. It may be told more than once. */
  readonly onRestored: (error: StoreError) => void;
}

/**
 * What a worker holds by the store's books and does not drive is looked for this often, in milliseconds, beside the times
 * when it has reason to: a call that reached the store twice leaves no trace here.
 */
const heldAskedMs = 30_000;

/**
 * Runs that are parked for want of a step that this worker has are looked for this often, in milliseconds, beside the times
 * when steps are registered here: a worker of another deploy may park one at any time.
 */
const reviveAgainMs = 30_000;

/**
 * So many runs are started at a time, as many as a store writes together. Whoever comes on top waits before its run takes its
 * first turn: runs that have begun come to their end first, and not all of them at last.
 */
const startsAtOnce = 128;

/** So many runs that hints name are remembered until the next claim: where more are due, any claim finds some. */
const toldOfMax = 256;

/** The share of the heap that may be in use before idle executions are let go, the longest unused half at a time. */
const heapShareMax = 0.75;

export class EngineWorker {
  readonly world: World;
  readonly #parts: WorkerParts;
  readonly #clock = new StoreClock();
  readonly #drives = new Map<string, Drive>();
  readonly #residents: Residents;
  readonly #slots: StepSlots;
  readonly #executions: ExecutionFactory;
  readonly #background: BackgroundSteps;
  readonly #starts = new Turnstile(startsAtOnce);
  readonly #unsubscribe: (() => void)[] = [];
  readonly #failures: FailureReport;
  /** Runs that hints named since the last claim. */
  readonly #toldOf = new Set<string>();
  /** Claimed runs whose bundle is being fetched. */
  readonly #taking = new Map<string, Promise<void>>();
  /** An answer was lost, or a run could not be given back: this worker may hold runs that it does not drive. */
  #mayHoldMore = false;
  /** When the store was last asked what this worker holds. */
  #heldAskedAt: number;
  /** When parked runs were last looked for. */
  #revivedAt: number;
  #claiming = false;
  #claimAgain = false;
  #polling = false;
  #stopping = false;
  #abandoned = false;
  #cancelClaimTimer: (() => void) | null = null;
  #cancelPollTimer: (() => void) | null = null;
  #releaseHold: (() => void) | null = null;
  #idle: (() => void)[] = [];

  constructor(parts: WorkerParts) {
    this.world = parts.world;
    this.#parts = parts;
    this.#residents = new Residents(parts.settings.residentRunsMax);
    const { stepsPerWorker, stepsPerRun, queues } = parts.settings;
    this.#slots = new StepSlots({ perWorker: stepsPerWorker, perRun: stepsPerRun, perQueue: queues });
    this.#executions = parts.executions;
    this.#failures = new FailureReport(parts);
    this.#heldAskedAt = parts.env.elapsed();
    this.#revivedAt = this.#heldAskedAt;
    this.#background = new BackgroundSteps({
      ...parts,
      workerId: parts.info.id,
      slots: this.#slots,
      clock: this.#clock,
      sweepMs: parts.settings.sweepMs,
      tell: (error) => this.#failures.tell(error),
      reportParked: (runId, fault) => this.#reportParked(runId, fault),
    });
  }

  get id(): string {
    return this.#parts.info.id;
  }

  /** Runs that are claimed by this worker now. */
  get claimedCount(): number {
    return this.#drives.size;
  }

  get residentCount(): number {
    return this.#residents.size;
  }

  /** Begin to claim. */
  begin(): void {
    const { world } = this.#parts;
    const { role } = this.#parts.settings;
    const wake = world.wake?.listen((hint) => this.#hinted(hint.runId));
    if (role !== "orchestrate") this.#background.begin();
    if (wake !== undefined) this.#unsubscribe.push(wake);
    this.#unsubscribe.push(onRegistration(() => void this.#reviveMissingSteps()));
    void this.#reviveMissingSteps();
    this.#schedulePoll();
    this.#claimSoon();
  }

  /** Start a run here: its first turn is taken before it is written. Resolves to the id of the run (X4). */
  async start(runId: string, bundle: HeldBundle, run: Omit<EagerRequest, "namespace">): Promise<string> {
    const turn = this.#starts.enter();
    if (turn !== null) await turn;
    try {
      if (turn !== null && !this.hasRoom) return await startUnclaimed(this.world, { runId, ...run });
      const request = { ...run, namespace: this.#parts.namespace };
      const drive = this.#newDrive({ runId, epoch: 1, bundle });
      drive.begin(() => drive.machine.start(request, this.#parts.env.elapsed()));
      return await drive.started;
    } finally {
      this.#starts.leave();
    }
  }

  /** True when a start may be taken here: not stopping, a driver of runs, and room for one more claimed run. */
  get hasRoom(): boolean {
    const { claimedRunsMax, role } = this.#parts.settings;
    return !this.#stopping && role !== "execute" && this.#drives.size < claimedRunsMax;
  }

  /**
   * Give every run back and stop. Running step bodies get `graceMs` to finish and are recorded; what still runs then is
   * abandoned, and starts again elsewhere as a new delivery.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.#abandoned) return await this.#parts.guard.close();
    if (this.#stopping) return await this.#whenIdle();
    this.#beginNothing();
    for (const drive of this.#drives.values()) drive.shutdown();
    const recorded = this.#background.stop();
    await Promise.all(this.#taking.values());
    const cancelGrace = this.#parts.env.setTimer(graceMs, () => {
      for (const drive of this.#drives.values()) drive.abandon();
      this.#background.abandon();
    });
    await Promise.all([this.#whenIdle(), recorded]);
    cancelGrace();
    this.#residents.clear();
    await this.#parts.heartbeat.stop();
    await this.#parts.world.claims.retire(this.id).catch(this.#parts.onError);
    await this.#parts.guard.close();
  }

  /**
   * Let go of everything at once, without a word to the store. Bodies that run are aborted, and what they bring is dropped.
   * The guard is left to the worker that begins in this one's place.
   */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    this.#beginNothing();
    for (const runId of this.#drives.keys()) this.#dropClaimBefore(runId);
    this.#background.abandon();
    this.#residents.clear();
    await this.#parts.heartbeat.stop();
  }

  #beginNothing(): void {
    this.#stopping = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#cancelClaimTimer?.();
    this.#cancelPollTimer?.();
  }

  #whenIdle(): Promise<void> {
    if (this.#drives.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  // Claiming

  #workerInfo(): WorkerInfo {
    const { id, leaseMs } = this.#parts.info;
    return { id, leaseMs, workflows: registeredWorkflows() };
  }

  #hinted(runId: string | null): void {
    if (this.#parts.settings.role !== "orchestrate") this.#background.hinted(runId);
    if (runId !== null && this.#drives.has(runId)) {
      this.#poll();
      return;
    }
    if (runId === null) this.#poll();
    else if (this.#toldOf.size < toldOfMax) this.#toldOf.add(runId);
    this.#claimSoon();
  }

  /** One claim call runs at a time; whoever asks meanwhile gets another one after it. */
  #claimSoon(): void {
    if (this.#claiming) {
      this.#claimAgain = true;
      return;
    }
    this.#claiming = true;
    this.#parts.env.defer(() => void this.#claim());
  }

  async #claim(): Promise<void> {
    const { world, env, settings, heartbeat } = this.#parts;
    let pauseMs = settings.sweepMs;
    try {
      if (this.#mayHoldMore || env.elapsed() - this.#heldAskedAt >= heldAskedMs) await this.#giveBackUndriven();
      const room = Math.min(settings.claimBatch, settings.claimedRunsMax - this.#drives.size);
      const isAble = settings.role !== "execute" && registeredWorkflows().length > 0;
      const mayClaim = !this.#stopping && heartbeat.alive() && isAble;
      if (mayClaim && room > 0) {
        const hinted = [...this.#toldOf];
        this.#toldOf.clear();
        const result = await world.claims.claim({ worker: this.#workerInfo(), max: room, hinted });
        this.#clock.observe(result.storeNow, env.elapsed());
        for (const claimed of result.runs) this.#take(claimed);
        if (result.runs.length === room) pauseMs = 0;
        else
          pauseMs = Math.min(
            pauseMs,
            untilDue(result, settings.sweepMs, () => env.random()),
          );
      }
    } catch (error) {
      this.#mayHoldMore = true;
      this.#failures.tell(error);
    }
    this.#claiming = false;
    if (this.#stopping) return;
    this.#cancelClaimTimer?.();
    this.#cancelClaimTimer = env.setTimer(pauseMs, () => this.#claimSoon());
    if (this.#claimAgain) {
      this.#claimAgain = false;
      this.#claimSoon();
    }
  }

  /**
   * Q1: what this worker holds in the store and does not drive is given back at once, for nobody else may take it while this
   * worker lives. Called between two claims, so that no claim is under way.
   */
  async #giveBackUndriven(): Promise<void> {
    const { world, env } = this.#parts;
    const { claims } = world;
    this.#heldAskedAt = env.elapsed();
    let left = false;
    for (const { runId, epoch, tail } of await claims.poll(this.id, "held")) {
      // A worker that stops leaves what it abandons to its retirement: bodies of it may be at work.
      if (this.#stopping) return;
      if (this.#drives.has(runId) || this.#taking.has(runId)) continue;
      const back = { epoch, ifTail: tail, wakeAt: this.#storeNow() };
      if ((await claims.release(runId, back)) === "moved") left = true;
    }
    this.#mayHoldMore = left;
  }

  /** An estimate of the store's clock. */
  #storeNow(): number {
    return this.#clock.estimate(this.#parts.env.elapsed());
  }

  /** A claim that comes in after `stop` is given straight back. */
  #take({ run, epoch }: ClaimedRun): void {
    if (this.#stopping) {
      this.#dropClaimBefore(run.runId);
      if (this.#abandoned) return;
      const back = { epoch, ifTail: run.tail, wakeAt: this.#storeNow() };
      this.#parts.world.claims.release(run.runId, back).catch(this.#parts.onError);
      return;
    }
    const taking = this.#drive(run, epoch).catch((error: unknown) => {
      this.#mayHoldMore = true;
      this.#parts.onError(error);
    });
    this.#taking.set(run.runId, taking);
    void taking.then(() => this.#taking.delete(run.runId));
  }

  async #drive(run: RunRecord, epoch: number): Promise<void> {
    const resident = this.#residents.take(run.runId);
    const bundle = resident?.bundle ?? (await this.#bundleOf(run, epoch));
    if (bundle === null) return;
    const drive = this.#newDrive({ runId: run.runId, epoch, bundle });
    drive.begin(() => drive.machine.claimed(resident?.residence ?? null, run.tail));
    if (this.#stopping) drive.shutdown();
  }

  /** The bundle that started the run. One that cannot be had parks it; a store that fails gives it back for later. */
  async #bundleOf(run: RunRecord, epoch: number): Promise<HeldBundle | null> {
    const { world, shelf, settings, onError } = this.#parts;
    const park = async (fault: Fault): Promise<void> => {
      if (await world.park(run.runId, epoch, fault)) this.#reportParked(run.runId, fault);
    };
    try {
      const bundle = await shelf.byId(run.bundleId);
      if (bundle !== null) return bundle;
      const detail = `The store does not hold bundle ${run.bundleId}, which started this run.`;
      await park({ reason: "bundle_missing", detail, position: 1 });
    } catch (error) {
      if (PerdureError.is(error) && !StoreError.is(error)) {
        const reason = BundleUntrustedError.is(error) ? "bundle_untrusted" : "undecodable";
        await park({ reason, detail: sentenceOf(error), position: 1 });
      } else {
        onError(error);
        const wakeAt = this.#storeNow() + settings.sweepMs;
        const back = await world.claims.release(run.runId, { epoch, ifTail: run.tail, wakeAt });
        // Somebody wrote meanwhile: it is held still, and nobody drives it.
        if (back === "moved") this.#mayHoldMore = true;
      }
    }
    return null;
  }

  /** A parked run waits for people, who must not have to look for it. */
  #reportParked(runId: string, { reason, detail, position }: Fault): void {
    const since = this.#storeNow();
    this.#parts.onError(new RunParkedError(runId, { reason, detail, position, since }, parkedHint(reason)));
  }

  #newDrive(run: { readonly runId: string; readonly epoch: number; readonly bundle: HeldBundle }): Drive {
    const { world, env, settings } = this.#parts;
    const { runId, epoch, bundle } = run;
    const memo = this.#executions.newMemo();
    const machine = new RunMachine({
      runId,
      worker: this.id,
      epoch,
      clock: this.#clock,
      open: (created, options) => this.#executions.open({ runId, bundle, memo, created, ...options }),
      encodeLostError,
      mode: settings.mode,
      runningMax: settings.stepsPerRun,
      compareAndAppend: world.capabilities.compareAndAppend,
      maxEventsPerAppend: world.capabilities.maxEventsPerAppend,
      holdMs: settings.holdMs,
    });
    const host = {
      world,
      env,
      runStep: (task: StepTask, signal: () => AbortSignal) => this.#runStep(runId, task, signal),
      print: (lines: readonly ConsoleLine[]) => this.#parts.print(runId, lines),
      storeFailed: (error: StoreError) => this.#failures.tell(error),
    };
    const drive = new Drive(host, machine, { runId, epoch });
    this.#dropClaimBefore(runId);
    this.#drives.set(runId, drive);
    this.#releaseHold ??= env.hold();
    void drive.ended.then((end) => this.#driveEnded(drive, bundle, memo, end));
    return drive;
  }

  /** D1: the lease had run out before this worker claimed the run again; its claim before must start nothing more. */
  #dropClaimBefore(runId: string): void {
    this.#drives.get(runId)?.abandon();
    this.#slots.drop(runId);
  }

  #driveEnded(drive: Drive, bundle: HeldBundle, memo: HydrationMemo, end: DriveEnd): void {
    if (this.#drives.get(drive.runId) === drive) {
      this.#drives.delete(drive.runId);
      this.#slots.drop(drive.runId);
    }
    memo.clear();
    // Whether the claim is really gone, a drive that gave up does not know.
    if (end.kind === "fenced") this.#mayHoldMore = true;
    if (end.kind === "ended") this.#executions.judgeRejections(bundle);
    if (end.kind === "parked") this.#reportParked(drive.runId, end.fault);
    if (end.kind === "ahead")
      this.#failures.tell(storeRestoredError("The store", `this worker holds more of ${drive.runId}`));
    const residence = drive.machine.takeResidence();
    if (residence !== null && end.kind === "released" && !this.#stopping) {
      this.#residents.put(drive.runId, { residence, bundle });
    } else {
      residence?.execution.dispose();
    }
    if (this.#drives.size > 0) return;
    this.#releaseHold?.();
    this.#releaseHold = null;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #runStep(runId: string, task: StepTask, signal: () => AbortSignal): Promise<StepOutcome> {
    const { env, world } = this.#parts;
    return new Promise((resolve) => {
      this.#slots.submit({ runId, queue: queueOf(task.created.data.stepId) }, (done) => {
        const context = stepContext({ runId, task, signal, now: env.now() });
        void executeStep(task, context, env, world.transactions).then((outcome) => {
          done();
          resolve(outcome);
        });
      });
    });
  }

  // Keeping up with others

  #schedulePoll(): void {
    const { env, settings } = this.#parts;
    this.#cancelPollTimer = env.setTimer(settings.sweepMs, () => {
      this.#poll();
      if (env.elapsed() - this.#revivedAt >= reviveAgainMs) void this.#reviveMissingSteps();
      if (env.heapShare() > heapShareMax) this.#residents.shrink();
      this.#schedulePoll();
    });
  }

  /** Ask which claimed runs somebody else has written to. One call at a time. */
  #poll(): void {
    if (this.#polling || this.#drives.size === 0 || this.#stopping) return;
    this.#polling = true;
    this.#parts.env.defer(() => void this.#readMoved());
  }

  async #readMoved(): Promise<void> {
    this.#polling = false;
    try {
      for (const { runId, epoch, tail } of await this.#parts.world.claims.poll(this.id)) {
        const drive = this.#drives.get(runId);
        if (drive?.epoch === epoch) drive.poke(tail);
      }
    } catch (error) {
      this.#failures.tell(error);
    }
  }

  /** Rule 12: runs that are parked for want of a step that this process has get another chance. */
  async #reviveMissingSteps(): Promise<void> {
    this.#revivedAt = this.#parts.env.elapsed();
    try {
      await reviveParked(this.#parts.world, new Set(registeredWorkflows()));
    } catch (error) {
      this.#failures.tell(error);
    }
    this.#claimSoon();
  }
}
