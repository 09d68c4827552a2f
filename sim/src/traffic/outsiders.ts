/**
 * Everybody outside of the workers: who starts runs, sends payloads and cancels. Each errand is a client of its own, which
 * sends again what it cannot know the outcome of, under the same key, as the client library does.
 */

import { guestAbi, type HeldBundle, mintRunId, packBundle, workflowInput } from "@perdure/core/simulation";
import { StoreError, WorkflowRunNotFoundError } from "@perdure/errors";
import { dehydrate } from "@perdure/serde";
import { type AppendResult, type CreateRequest, type OpenHook, specVersion } from "@perdure/world";
import type { Plan, PlannedRun } from "../faults/plan.ts";
import type { Chance } from "../kernel/chance.ts";
import type { Scheduler } from "../kernel/scheduler.ts";
import type { Promises } from "../ledger/promises.ts";
import type { SimProcess } from "../process/sim-process.ts";
import type { CompiledProgram } from "../programs/compile.ts";
import type { Network } from "../store/network.ts";
import type { SimStore } from "../store/sim-store.ts";
import { Client } from "./client.ts";

export interface OutsiderParts {
  readonly plan: Plan;
  readonly chance: Chance;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly store: SimStore;
  readonly promises: Promises;
  /** The worker processes that live now. */
  readonly workers: () => readonly SimProcess[];
  /** The build that clients start runs with. */
  readonly build: CompiledProgram;
}

/** An errand gives up after sending so often. */
const triesMax = 8;
/** Nobody sends to a run whose log is longer than this: reading it in every way costs the square of it. */
const logEventsMax = 150;
/** A start that failed is tried again after this long. */
const startAgainMs = 4_000;

export class Outsiders {
  #count = 0;
  readonly #parts: OutsiderParts;
  readonly #waiting: Set<PlannedRun>;

  constructor(parts: OutsiderParts) {
    this.#parts = parts;
    this.#waiting = new Set(parts.plan.runs);
    for (const run of parts.plan.runs) this.#startLater(run, run.startAfterMs);
  }

  /** Every planned run has been acknowledged to its starter. */
  get allStarted(): boolean {
    return this.#waiting.size === 0;
  }

  /**
   * Send so many payloads, each to an open hook of chance, but for runs whose log is long. `atOnce`: the first of them is
   * there before anything that is under way. `runId`: to a hook of this run, if it has one.
   */
  sendPayloads(count: number, options: { readonly atOnce?: boolean; readonly runId?: string | null } = {}): void {
    const { store, chance } = this.#parts;
    const { atOnce = false, runId: wanted = null } = options;
    const isLong = (runId: string): boolean => (store.run(runId)?.run.tail ?? 0) > logEventsMax;
    const hooks = [...store.space.tokens].filter(([, { runId }]) => !isLong(runId));
    const near = hooks.filter(([, { runId }]) => runId === wanted);
    const tokens = (near.length > 0 ? near : hooks).map(([token]) => token);
    for (let index = 0; index < count; index += 1) {
      const token = chance.oneOf(tokens);
      if (token !== undefined) this.#errand((client, n) => this.#send(client, token, n), atOnce && index === 0);
    }
  }

  /** Send a payload to each open hook of a run that nothing else will wake. */
  answerWaiting(): void {
    const { store } = this.#parts;
    for (const [token, { runId }] of store.space.tokens) {
      const run = store.run(runId)?.run;
      const waits = run !== undefined && run.owner === null && run.wakeAt === null && run.parked === null;
      if (waits) this.#errand((client, n) => this.#send(client, token, n));
    }
  }

  cancelSomeRun(atOnce = false): void {
    const { store, chance } = this.#parts;
    const runId = chance.oneOf(store.runIds);
    if (runId !== undefined) this.#errand((client) => this.#cancel(client, runId), atOnce);
  }

  /** Somebody who does not know yet that a run is over cancels it, and sends a payload to a hook that it had. */
  comeLate(): void {
    const { store, chance } = this.#parts;
    const ended = store.runIds.filter((runId) => (store.run(runId)?.run.endedAt ?? null) !== null);
    const runId = chance.oneOf(ended);
    if (runId === undefined) return;
    this.#errand((client) => this.#cancel(client, runId));
    const hook = store.run(runId)?.events.find(({ type }) => type === "hook_created");
    const correlationId = hook?.correlationId ?? null;
    if (correlationId !== null) this.#errand((client, n) => this.#deliver(client, { runId, correlationId }, n));
  }

  /** `n` is the number of the errand, and of no other. */
  #errand(run: (client: Client, n: number) => Promise<void>, atOnce = false): void {
    const { network, scheduler } = this.#parts;
    this.#count += 1;
    const n = this.#count;
    const client = new Client(`client-${n}`, network, () => scheduler.now, atOnce);
    if (atOnce) void run(client, n);
    else scheduler.after(0, client, () => void run(client, n));
  }

  async #send(client: Client, token: string, n: number): Promise<void> {
    const open = await attempt(client, this.#parts.scheduler, () => client.world.hooks.find(token));
    if (open !== null && open !== undefined) await this.#deliver(client, open, n);
  }

  async #deliver(client: Client, hook: Pick<OpenHook, "runId" | "correlationId">, n: number): Promise<void> {
    const key = `payload-${client.name}`;
    const payload = dehydrate({ n }, "a payload");
    const { runId, correlationId } = hook;
    const fact = { type: "hook_received" as const, correlationId, at: null, data: { ordinal: 0 }, payload };
    const copies = this.#parts.chance.flag(0.1) ? 2 : 1;
    const results = Array.from({ length: copies }, () =>
      this.#append(client, runId, () => client.world.log.append(runId, { by: "outside", key, fact })),
    );
    for (const result of await Promise.all(results)) this.#note(runId, key, "hook_received", result);
  }

  async #cancel(client: Client, runId: string): Promise<void> {
    const key = `cancel-${client.name}`;
    const fact = {
      type: "run_cancelled" as const,
      correlationId: null,
      at: null,
      data: { reason: null },
      payload: null,
    };
    const result = await this.#append(client, runId, () =>
      client.world.log.append(runId, { by: "outside", key, fact }),
    );
    this.#note(runId, key, "run_cancelled", result);
  }

  async #append(client: Client, runId: string, send: () => Promise<AppendResult>) {
    const result = await attempt(client, this.#parts.scheduler, send);
    return result === undefined ? undefined : { result, tail: this.#parts.store.run(runId)?.run.tail ?? 0 };
  }

  #note(
    runId: string,
    key: string,
    type: "hook_received" | "run_cancelled",
    answer: { readonly result: AppendResult; readonly tail: number } | undefined,
  ): void {
    const { promises } = this.#parts;
    if (answer?.result.kind === "appended") {
      const position = answer.result.events[0]?.position ?? 0;
      promises.appends.push({ runId, key, type, position });
    } else if (answer?.result.kind === "refused") {
      promises.refused.push({ runId, key, atTail: answer.tail });
    }
  }

  // Starting

  #startLater(run: PlannedRun, ms: number): void {
    const { scheduler } = this.#parts;
    scheduler.after(ms, null, () => {
      if (!this.#waiting.has(run)) return;
      if (run.by === "client") this.#errand((client) => this.#startAsClient(client, run));
      else this.#startInWorker(run);
      // Whoever wanted the run looks whether it came to be, and asks again.
      this.#startLater(run, startAgainMs);
    });
  }

  #startInWorker(run: PlannedRun): void {
    const { workers, chance, scheduler, store } = this.#parts;
    const able = workers().filter((process) => process.engine?.hasRoom === true);
    const process = chance.oneOf(able);
    if (process === undefined) return;
    scheduler.after(0, process, () => {
      const begin = async (): Promise<void> => {
        const bundle = await process.bundle();
        if (process.engine === null) return;
        const { runId, created, input } = this.#request(run, bundle.id, process.build, process.env);
        const started = await process.engine.start(runId, bundle, { created, input });
        this.#started(run, started);
        if (store.run(started) === undefined) throw new Error("started, and not there");
      };
      // What cannot be started now is asked for again.
      begin().catch(() => {});
    });
  }

  async #startAsClient(client: Client, run: PlannedRun): Promise<void> {
    const { build, chance, scheduler } = this.#parts;
    const { bundle } = build;
    const stored = await attempt(client, scheduler, () =>
      client.world.bundles.put(bundle.id, packed(bundle)).then(() => true),
    );
    if (stored === undefined) return;
    const env = { now: () => scheduler.now, randomBytes: (size: number) => chance.bytes(size) };
    const { runId, created, input } = this.#request(run, bundle.id, build, env);
    const request: CreateRequest = { runId, created, input, eager: null };
    const result = await attempt(client, scheduler, () => client.world.runs.create(request));
    if (result !== undefined && result.kind !== "refused") this.#started(run, result.run.runId);
  }

  #started(run: PlannedRun, runId: string): void {
    this.#waiting.delete(run);
    this.#parts.promises.starts.push({ runId, key: run.key });
  }

  #request(
    run: PlannedRun,
    bundleId: string,
    build: CompiledProgram,
    env: { now(): number; randomBytes(size: number): Uint8Array },
  ) {
    const runId = mintRunId(env);
    const { bytes: input, digest } = workflowInput([{ tokens: run.tokens, n: run.n }], "main");
    const created: CreateRequest["created"] = {
      specVersion,
      guestAbi,
      bundleId,
      workflowId: build.workflowId,
      workflowName: "main",
      seed: Buffer.from(env.randomBytes(32)).toString("hex"),
      isolation: run.isolation,
      locale: "en-US",
      timeZone: "UTC",
      node: "",
      icu: "",
      key: run.key,
      parentRunId: null,
      rootRunId: runId,
      trace: null,
      inputDigest: digest,
    };
    return { runId, created, input };
  }
}

const packedBundles = new WeakMap<HeldBundle, Uint8Array>();

/** The bundle as the store holds it; packing takes a while, and clients of many schedules have the same. */
function packed(bundle: HeldBundle): Uint8Array {
  const bytes = packedBundles.get(bundle) ?? packBundle(bundle).bytes;
  packedBundles.set(bundle, bytes);
  return bytes;
}

/** A call that is sent again while its outcome is unknown, and soon again when it was refused. Undefined: given up. */
async function attempt<T>(client: Client, scheduler: Scheduler, call: () => Promise<T>): Promise<T | undefined> {
  for (let tries = 1; tries <= triesMax; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (WorkflowRunNotFoundError.is(error)) return undefined;
      if (!StoreError.is(error)) throw error;
      await new Promise<void>((resolve) => scheduler.after(10 * 2 ** tries, client, resolve));
    }
  }
  return undefined;
}
