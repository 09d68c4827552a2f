/** A worker whose store is put back to an earlier state under it. */
import { StoreError, storeRestoredError } from "@perdure/errors";
import { hydrate } from "@perdure/serde";
import type { World } from "@perdure/world";
import { describe, expect, it, onTestFinished } from "vitest";
import { start } from "../client/start.ts";
import type { HeldBundle } from "../realm/bundle.ts";
import { packBundle } from "../realm/bundle.ts";
import { tokenHash } from "../replay/correlation-id.ts";
import { workflowId } from "../replay/history.testing.ts";
import { mintRunId } from "../run/run-id.ts";
import { getStepMetadata } from "../step/context.ts";
import { Harness, program } from "./harness.testing.ts";
import { PutBackWorld } from "./put-back-world.testing.ts";
import { startWorker, type Worker } from "./start-worker.ts";

class Scene {
  readonly harness = new Harness();
  readonly env = this.harness.env;
  readonly store = new PutBackWorld(this.env);
  readonly errors: unknown[] = [];
  /** Fails heartbeats, as a test says. */
  failBeat: (workerId: string) => StoreError | null = () => null;

  /** The store with heartbeats that can fail. */
  readonly world: World = {
    ...roomsOf(this.store.world),
    claims: {
      ...methodsOf(this.store.world.claims),
      heartbeat: async (info) => {
        const failure = this.failBeat(info.id);
        if (failure !== null) throw failure;
        await this.store.world.claims.heartbeat(info);
      },
    },
  };

  async worker(): Promise<Worker> {
    const { world, env } = this;
    const worker = await startWorker({ world, env, keepAlive: false, onError: (error) => this.errors.push(error) });
    onTestFinished(async () => {
      await worker.stop({ graceMs: 0 });
    });
    return worker;
  }

  async create(bundle: HeldBundle): Promise<string> {
    await this.world.bundles.put(bundle.id, packBundle(bundle).bytes);
    const runId = mintRunId(this.env);
    await this.world.runs.create({ runId, ...this.harness.request(bundle, [], runId, null), eager: null });
    return runId;
  }

  async result(runId: string): Promise<unknown> {
    let ended = false;
    void this.world.runs.waitForEnd(runId, 60_000).then(() => {
      ended = true;
    });
    await this.env.until(() => ended, 60_000);
    const last = (await this.world.log.read(runId, { after: 0, limit: 1_000 })).at(-1);
    return last?.payload == null ? last?.type : hydrate(last.payload);
  }

  async send(token: string, payload: string): Promise<void> {
    const open = await this.world.hooks.find(tokenHash(token));
    const bytes = this.harness.request(program("async () => 0"), [payload], "", null).input;
    const fact = { type: "hook_received", at: null, data: { ordinal: 0 }, payload: bytes } as const;
    const correlationId = open?.correlationId ?? null;
    await this.world.log.append(open?.runId ?? "", { by: "outside", key: payload, fact: { ...fact, correlationId } });
    await this.env.settle();
  }
}

/** The members of a world that is a proxy. */
const roomsOf = (world: World): World => ({
  capabilities: world.capabilities,
  describe: () => world.describe(),
  runs: world.runs,
  log: world.log,
  claims: world.claims,
  steps: world.steps,
  hooks: world.hooks,
  bundles: world.bundles,
  streams: world.streams,
  park: (...call) => world.park(...call),
  unpark: (...call) => world.unpark(...call),
  close: () => world.close(),
});

const methodsOf = (claims: World["claims"]): World["claims"] => ({
  heartbeat: (...call) => claims.heartbeat(...call),
  claim: (...call) => claims.claim(...call),
  poll: (...call) => claims.poll(...call),
  release: (...call) => claims.release(...call),
  retire: (...call) => claims.retire(...call),
  heartbeatThread: (...call) => claims.heartbeatThread(...call),
});

const restored = expect.objectContaining({ code: "STORE_RESTORED" });
const twoSteps = `async () => [await step("first")(), await step("second")()]`;

describe("a worker whose store was put back", () => {
  it("is refused where its run ends before what it holds, begins anew, and the run goes on from the log", async () => {
    const scene = new Scene();
    const runs: string[] = [];
    const steps = {
      first: async () => {
        if (runs.push("first") === 1) scene.store.backUp();
        return runs.length;
      },
      second: async () => {
        if (runs.push("second") === 2) scene.store.putBack();
        return runs.length;
      },
    };
    const worker = await scene.worker();
    const before = worker.id;
    const runId = await scene.create(program(twoSteps, steps));
    expect(await scene.result(runId)).toEqual([3, 4]);
    expect(runs).toEqual(["first", "second", "first", "second"]);
    expect(scene.errors).toEqual([restored]);
    expect(worker.id).not.toBe(before);
  });

  it("does not go on with an execution that is ahead of the run that it claims", async () => {
    const scene = new Scene();
    const worker = await scene.worker();
    const listener = `async () => { const heard = []; const hook = createHook({ token: "t" });
      for await (const word of hook) { heard.push(word[0]); if (word[0] === "end") return heard; } }`;
    const runId = await scene.create(program(listener));
    await scene.env.advance(2_000);
    scene.store.backUp();
    for (const word of ["lost", "lost too", "lost as well"]) await scene.send("t", word);
    await scene.env.advance(2_000);
    expect(worker.residentCount).toBe(1);
    scene.store.putBack();
    await scene.send("t", "kept");
    await scene.env.advance(10_000);
    await scene.send("t", "end");
    expect(await scene.result(runId)).toEqual(["kept", "end"]);
    expect(scene.errors).toEqual([restored]);
  });

  it("lets go of all that it holds without a word to the store, and drops what its bodies bring", async () => {
    const scene = new Scene();
    const signals: AbortSignal[] = [];
    const gates: ((value: string) => void)[] = [];
    const slow = () => {
      signals.push(getStepMetadata().signal);
      return new Promise((resolve) => gates.push(resolve));
    };
    const worker = await scene.worker();
    const before = worker.id;
    const runId = await scene.create(program(`async () => await step("slow")()`, { slow }));
    await scene.env.advance(2_000);
    expect([gates.length, worker.claimedCount]).toEqual([1, 1]);
    const held = await scene.world.runs.get(runId);
    scene.failBeat = (id) => (id === before ? storeRestoredError("The store", "a test says so") : null);
    await scene.env.advance(1_000);
    expect(worker.id).not.toBe(before);
    expect([worker.claimedCount, signals[0]?.aborted]).toEqual([0, true]);
    gates[0]?.("of before");
    await scene.env.settle();
    expect(await scene.world.runs.get(runId)).toEqual(held);
    await scene.env.advance(5_000);
    expect(gates).toHaveLength(2);
    gates[1]?.("of now");
    expect(await scene.result(runId)).toBe("of now");
    expect(scene.errors).toEqual([restored]);
  });

  it("takes the next start of its process, and stores its bundle again", async () => {
    const scene = new Scene();
    const { world, env } = scene;
    const worker = await scene.worker();
    const before = worker.id;
    scene.store.backUp();
    const bundle = program(`async () => "worked"`);
    const first = await start({ workflowId }, [], { world });
    expect(await scene.result(first.runId)).toBe("worked");
    scene.store.putBack();
    expect(await world.bundles.get(bundle.id)).toBeNull();
    scene.failBeat = (id) => (id === before ? storeRestoredError("The store", "a test says so") : null);
    await env.until(() => worker.id !== before, 10_000);
    const second = await start({ workflowId }, [], { world });
    expect((await world.runs.get(second.runId))?.epoch).toBe(1);
    expect(await scene.result(second.runId)).toBe("worked");
    expect(await world.bundles.get(bundle.id)).not.toBeNull();
  });

  it("is opened again until the store takes its heartbeat, and tells of a restored store though beats failed before", async () => {
    const scene = new Scene();
    const worker = await scene.worker();
    const before = worker.id;
    let failures = 0;
    const away = new StoreError("STORE_UNAVAILABLE", "The store is away.");
    scene.failBeat = (id) => {
      failures += 1;
      if (failures === 2 || failures === 3) return storeRestoredError("The store", "a test says so");
      return failures < 6 || id === before ? away : null;
    };
    await scene.env.until(() => worker.id !== before, 60_000);
    expect(scene.errors).toEqual([away, restored, restored, away, away]);
    const runId = await scene.create(program(`async () => "worked"`));
    expect(await scene.result(runId)).toBe("worked");
  });

  it("can be stopped while there is none in its place", async () => {
    const scene = new Scene();
    const worker = await scene.worker();
    scene.failBeat = () => storeRestoredError("The store", "a test says so");
    await scene.env.advance(1_000);
    const stopped = worker.stop();
    await scene.env.settle();
    await stopped;
    scene.failBeat = () => expect.fail("nothing beats any more");
    await scene.env.advance(10_000);
  });
});
