/**
 * A whole engine in one process for tests: real worker, real realm, real codec, a world in memory, virtual time. Steps
 * are functions of the test; workflows are written as the compiler writes them.
 */
import { FatalError } from "@perdure/errors";
import { hydrate } from "@perdure/serde";
import { type IsolationMode, type LogEvent, type RunRecord, specVersion, type World } from "@perdure/world";
import { createMemoryWorld, MemoryStore, type MemoryWorldOptions } from "@perdure/world/memory";
import { workflowInput } from "../client/workflow-input.ts";
import type { HeldBundle } from "../realm/bundle.ts";
import { packBundle } from "../realm/bundle.ts";
import { guestAbi } from "../realm/guest-source.ts";
import { watchRejections } from "../realm/rejections.ts";
import { bundleOf, unguarded, workflowId } from "../replay/history.testing.ts";
import { crockford } from "../run/crockford.ts";
import { mintRunId } from "../run/run-id.ts";
import { provideBundles, registerStep, registerWorkflow } from "../step/registry.ts";
import { BundleShelf } from "./bundle-shelf.ts";
import { ExecutionFactory } from "./execution-factory.ts";
import { type WorkerOptions, workerSettings } from "./settings.ts";
import { VirtualEnv } from "./virtual-env.testing.ts";
import { EngineWorker } from "./worker.ts";

export interface HarnessOptions extends WorkerOptions {
  readonly world?: Partial<Pick<MemoryWorldOptions, "compareAndAppend" | "maxEventsPerAppend" | "env">>;
  /** Wraps the world that the worker sees, to count or disturb its calls. */
  readonly wrap?: (world: World) => World;
  readonly env?: VirtualEnv;
  readonly store?: MemoryStore;
  /** The workflow that runs are created of and that workers claim; default: the one of {@link program}. */
  readonly workflow?: string;
}

watchRejections();

const strays: string[] = [];

/** Realms are slow to make, and their executions share nothing, so all tests of a file share them. */
const executions = new ExecutionFactory({
  guard: unguarded,
  turnLimitMs: 2_000,
  onStrayRejection: (_bundle, what) => strays.push(what),
});

export class Harness {
  readonly env: VirtualEnv;
  readonly store: MemoryStore;
  /** What the test itself looks through. */
  readonly world: World;
  readonly lines: string[] = [];
  readonly errors: unknown[] = [];
  /** Rejections of workflow code that nothing handled. */
  readonly strays = strays;
  readonly #options: HarnessOptions;
  readonly #workflow: string;

  constructor(options: HarnessOptions = {}) {
    this.#options = options;
    this.#workflow = options.workflow ?? workflowId;
    this.env = options.env ?? new VirtualEnv();
    this.store = options.store ?? new MemoryStore();
    this.world = this.openWorld();
  }

  openWorld(): World {
    const { env, store } = this;
    // The store has a clock of its own, which the wall clocks of workers have no part in.
    const storeEnv = { now: () => env.elapsed(), setTimer: env.setTimer.bind(env) };
    return createMemoryWorld({ env: storeEnv, store, ...this.#options.world });
  }

  /** A worker process: its own world on the same store. */
  async worker(options: WorkerOptions = {}): Promise<TestWorker> {
    const own = this.openWorld();
    const world = this.#options.wrap?.(own) ?? own;
    const {
      wrap: _wrap,
      world: _world,
      env: _env,
      store: _store,
      workflow: _workflow,
      ...workerOptions
    } = this.#options;
    const settings = workerSettings({ ...workerOptions, ...options });
    const info = { id: `wrkr_${crockford(this.env.randomBytes(16))}`, leaseMs: settings.leaseMs };
    const beat = () => own.claims.heartbeat({ ...info, workflows: [this.#workflow] });
    let beating = true;
    const loop = async (): Promise<void> => {
      if (!beating) return;
      await beat();
      this.env.setTimer(settings.heartbeatMs, () => void loop());
    };
    await loop();
    const heartbeat = {
      stop: async () => {
        beating = false;
      },
      tick: () => {},
      alive: () => beating,
    };
    const guard = {
      ...unguarded,
      kind: "timeout" as const,
      lastStop: null,
      ready: async () => {},
      close: async () => {},
    };
    const shelf = new BundleShelf(world);
    const engine = new EngineWorker({
      world,
      env: this.env,
      guard,
      executions,
      heartbeat,
      shelf,
      settings,
      info,
      namespace: "default",
      print: (_runId, lines) => {
        for (const line of lines) if (!line.replayed) this.lines.push(line.text);
      },
      onError: (error) => this.errors.push(error),
      onRestored: (error) => this.errors.push(error),
    });
    engine.begin();
    return { engine, world, die: () => (beating = false) };
  }

  /** Create a run as a client does, without a worker. */
  async create(bundle: HeldBundle, args: readonly unknown[] = [], key: string | null = null): Promise<string> {
    await this.world.bundles.put(bundle.id, packBundle(bundle).bytes);
    const runId = mintRunId(this.env);
    const { created, input } = this.request(bundle, args, runId, key);
    await this.world.runs.create({ runId, created, input, eager: null });
    return runId;
  }

  /** Start a run in a worker, with its first turn. */
  async start(
    worker: TestWorker,
    bundle: HeldBundle,
    args: readonly unknown[] = [],
    key: string | null = null,
    isolation: IsolationMode = "shared",
  ): Promise<string> {
    await this.world.bundles.put(bundle.id, packBundle(bundle).bytes);
    const runId = mintRunId(this.env);
    const { created, input } = this.request(bundle, args, runId, key);
    return await worker.engine.start(runId, bundle, { created: { ...created, isolation }, input });
  }

  request(bundle: HeldBundle, args: readonly unknown[], runId: string, key: string | null) {
    const { bytes, digest } = workflowInput(args, "main");
    const created = {
      specVersion,
      guestAbi,
      bundleId: bundle.id,
      workflowId: this.#workflow,
      workflowName: "main",
      seed: Buffer.from(this.env.randomBytes(32)).toString("hex"),
      isolation: "shared",
      locale: "en-US",
      timeZone: "UTC",
      node: process.versions.node,
      icu: "",
      key,
      parentRunId: null,
      rootRunId: runId,
      trace: null,
      inputDigest: digest,
    } as const;
    return { created, input: bytes };
  }

  async record(runId: string): Promise<RunRecord> {
    const run = await this.world.runs.get(runId);
    if (run === null) throw new Error(`no run ${runId}`);
    return run;
  }

  async log(runId: string): Promise<readonly LogEvent[]> {
    return await this.world.log.read(runId, { after: 0, limit: 100_000 });
  }

  /** Let time pass until the run has ended, and give what it returned. */
  async result(runId: string, msMax?: number): Promise<unknown> {
    let ended = false;
    const loop = this.world.runs.waitForEnd(runId, msMax ?? 3_600_000).then(() => {
      ended = true;
    });
    await this.env.until(() => ended, msMax);
    await loop;
    const events = await this.log(runId);
    const last = events.at(-1);
    if (last?.type === "run_completed") return last.payload === null ? undefined : hydrate(last.payload);
    if (last?.type === "run_failed") throw last.payload === null ? new FatalError("failed") : hydrate(last.payload);
    const run = await this.record(runId);
    throw new Error(`the run is ${run.status}${run.parked === null ? "" : `, parked: ${run.parked.detail}`}`);
  }
}

export interface TestWorker {
  readonly engine: EngineWorker;
  readonly world: World;
  /** Stop beating, as a killed process does. */
  readonly die: () => void;
}

/** A bundle around the source of one workflow function, registered in this process, with these steps. */
export function program(
  workflow: string,
  steps: Readonly<Record<string, (...args: never[]) => unknown>> = {},
): HeldBundle {
  const source = { file: "test.ts", line: 1 };
  for (const [name, fn] of Object.entries(steps)) {
    registerStep(`step//./test//${name}`, fn, { name, shape: null, ...source });
  }
  const bundle = bundleOf(workflow);
  registerWorkflow(workflowId, () => undefined, { name: "main", ...source });
  provideBundles(async () => ({ code: bundle.code, map: null, workflows: bundle.workflows, steps: [] }));
  return bundle;
}
