/**
 * Two namespaces of one database: for every method of the contract, a call in one of them, with the ids, keys and tokens
 * of the other, neither changes nor shows anything of the other. The methods are read from the world, so one that is new
 * has to be covered here.
 */
import { once } from "node:events";
import { createRequire } from "node:module";
import { WorkflowRunNotFoundError } from "@perdure/errors";
import type { AppendResult, World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import {
  cancellation,
  creation,
  driverAppend,
  eagerCreation,
  hookCreated,
  id,
  outsider,
  payloadFor,
  streamBatch,
  worker,
} from "./request-values.ts";
import { withClient } from "./server.ts";
import { completed, openStep, stepId } from "./step-values.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();
let database: Promise<string> | null = null;
let pairs = 0;

interface Pair {
  readonly here: World;
  readonly there: World;
  /** As another process of each namespace would open it. */
  readonly again: (side: "here" | "there") => Promise<World>;
}

/** Two empty namespaces, after `fill` has been done in both of them. */
async function openPair(fill: (world: World, side: "here" | "there") => Promise<unknown>): Promise<Pair> {
  database ??= worlds.databases.create();
  const url = await database;
  pairs += 1;
  const names = { here: `here ${pairs}`, there: `there ${pairs}` };
  const again = async (side: "here" | "there") => (await worlds.open({ url, namespace: names[side] })).world;
  const pair = { here: await again("here"), there: await again("there"), again };
  await fill(pair.here, "here");
  await fill(pair.there, "there");
  return pair;
}

/** Every row of every table, as text, that belongs to a world's namespace. */
async function rowsOf(world: World): Promise<readonly string[]> {
  const { namespace } = await world.describe();
  return withClient((await database) ?? "", async (client) => {
    const { rows: tables } = await client.query(`SELECT table_name AS name FROM information_schema.columns
WHERE table_schema = 'perdure' AND column_name = 'namespace' ORDER BY table_name`);
    const all: string[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query(`SELECT t::text AS row FROM perdure."${name}" t WHERE namespace = $1`, [
        namespace,
      ]);
      all.push(...rows.map(({ row }) => `${name} ${row}`));
    }
    return all.sort();
  });
}

/** Does something here, and looks that nothing there has changed. */
async function alone<T>({ there }: Pair, action: () => Promise<T>): Promise<T> {
  const before = await rowsOf(there);
  expect(before.length).toBeGreaterThan(0);
  const result = await action();
  expect(await rowsOf(there)).toEqual(before);
  return result;
}

const runId = id("wrun", 1);
const other = id("wrun", 2);

/** The same run in both: here it has a key and a claim of its own, there it has another one beside it. */
async function sameRun(world: World, side: "here" | "there"): Promise<void> {
  await world.claims.heartbeat(worker);
  const { storeNow } = await world.describe();
  await world.runs.create(eagerCreation(1, "token", storeNow));
  await world.bundles.put("bundle", new Uint8Array([side === "here" ? 1 : 2]));
  if (side === "there") await world.runs.create(creation(2, { key: "key" }));
}

/** With one chunk in a stream of the run. */
async function withStream(world: World, side: "here" | "there"): Promise<void> {
  await sameRun(world, side);
  await world.streams.append(runId, streamBatch(outsider("writer"), 1, [side]));
}

/** A run with the job of one step, in both. */
const withJob = (world: World): Promise<void> => openStep(world, "background");

const claimJobs = async (world: World) =>
  (await world.steps.claim({ workerId: worker.id, steps: ["step"], max: 10 })).jobs;

/** A run that nobody drives, in both. */
const idleRun = async (world: World): Promise<void> => {
  await world.claims.heartbeat(worker);
  await world.runs.create(creation(1, { key: "key" }));
};

/** The next append of the run's driver. */
async function askForHook(world: World, token: string): Promise<AppendResult> {
  const [, started] = await world.log.read(runId, { after: 0, limit: 2 });
  const decisions = [hookCreated(2, token, started?.at ?? Number.NaN)];
  return world.log.append(runId, driverAppend(2, 3, { decisions }));
}

const ownerOf = async (world: World) => (await world.runs.get(runId))?.owner;

const cases: Readonly<Record<string, () => Promise<void>>> = {
  async describe() {
    const { here, there } = await openPair(sameRun);
    const [one, two] = [await here.describe(), await there.describe()];
    expect(one.namespace).not.toBe(two.namespace);
  },
  async "runs.create"() {
    const pair = await openPair(sameRun);
    const created = await alone(pair, () => pair.here.runs.create(creation(2, { key: "key" })));
    expect(created.kind).toBe("created");
    expect(await pair.here.runs.create(creation(3, { key: "key" }))).toMatchObject({
      kind: "existing",
      run: { runId: other },
    });
  },
  async "runs.get"() {
    const pair = await openPair(sameRun);
    expect(await alone(pair, () => pair.here.runs.get(other))).toBeNull();
    expect(await pair.there.runs.get(other)).toMatchObject({ runId: other });
  },
  async "runs.list"() {
    const pair = await openPair(sameRun);
    const { items } = await alone(pair, () => pair.here.runs.list({ limit: 10 }));
    expect(items.map((run) => run.runId)).toEqual([runId]);
    expect((await pair.there.runs.list({ limit: 10 })).items).toHaveLength(2);
  },
  async "runs.waitForEnd"() {
    const pair = await openPair(sameRun);
    const waiting = pair.here.runs.waitForEnd(runId, 25_000);
    const elsewhere = await pair.again("there");
    await elsewhere.log.append(runId, cancellation());
    expect((await pair.there.runs.waitForEnd(runId, 25_000))?.status).toBe("cancelled");
    expect((await pair.here.runs.waitForEnd(runId, 0))?.status).toBe("running");
    await (await pair.again("here")).log.append(runId, cancellation("cancel", "here"));
    expect((await waiting)?.status).toBe("cancelled");
    const [last] = await pair.here.log.read(runId, { after: 3, limit: 10 });
    expect(last?.data).toEqual({ reason: "here" });
  },
  async "log.read"() {
    const pair = await openPair(sameRun);
    expect(await alone(pair, () => pair.here.log.read(other, { after: 0, limit: 10 }))).toEqual([]);
    await pair.there.log.append(runId, payloadFor(1, "there"));
    expect(await pair.here.log.read(runId, { after: 0, limit: 10 })).toHaveLength(3);
  },
  async "log.append"() {
    const pair = await openPair(sameRun);
    await alone(pair, async () => {
      await expect(pair.here.log.append(other, cancellation())).rejects.toThrow(WorkflowRunNotFoundError);
      expect(await askForHook(pair.here, "another")).toMatchObject({
        kind: "appended",
        events: [{ type: "hook_created" }],
      });
      await pair.here.log.append(runId, payloadFor(1, "key"));
      await pair.here.log.append(runId, cancellation());
    });
    // The key of an outside event is one of its own run, too.
    expect(await pair.there.log.append(runId, payloadFor(1, "key"))).toMatchObject({ kind: "appended", tail: 4 });
  },
  async "claims.heartbeat"() {
    const pair = await openPair(sameRun);
    const rival = { ...worker, id: "rival" };
    await withClient((await database) ?? "", (client) => client.query("UPDATE perdure.workers SET beat_at = 0"));
    await alone(pair, () => pair.here.claims.heartbeat(worker));
    for (const world of [pair.here, pair.there]) await world.claims.heartbeat(rival);
    expect((await pair.here.claims.claim({ worker: rival, max: 5 })).runs).toHaveLength(0);
    expect((await pair.there.claims.claim({ worker: rival, max: 5 })).runs).toHaveLength(2);
  },
  async "claims.claim"() {
    const pair = await openPair(idleRun);
    const { runs, nextWakeAt } = await alone(pair, () => pair.here.claims.claim({ worker, max: 5 }));
    expect([runs.length, nextWakeAt]).toEqual([1, null]);
    // Lost, and due again, but there.
    await pair.there.claims.claim({ worker, max: 5 });
    await pair.there.claims.retire(worker.id);
    expect((await pair.here.claims.claim({ worker, max: 5 })).runs).toEqual([]);
  },
  async "claims.poll"() {
    const pair = await openPair(sameRun);
    await pair.there.log.append(runId, payloadFor(1, "there"));
    expect(await alone(pair, () => pair.here.claims.poll(worker.id))).toEqual([]);
    expect(await pair.here.claims.poll(worker.id, "held")).toMatchObject([{ runId, tail: 3 }]);
    expect(await pair.there.claims.poll(worker.id)).toMatchObject([{ runId, tail: 4 }]);
  },
  async "claims.release"() {
    const pair = await openPair(sameRun);
    const back = { epoch: 1, ifTail: 3, wakeAt: null };
    expect(await alone(pair, () => pair.here.claims.release(runId, back))).toBe("released");
    expect(await alone(pair, () => pair.here.claims.release(other, { ...back, ifTail: 1 }))).toBe("fenced");
    expect([await ownerOf(pair.here), await ownerOf(pair.there)]).toEqual([null, worker.id]);
  },
  async "claims.retire"() {
    const pair = await openPair(sameRun);
    await alone(pair, () => pair.here.claims.retire(worker.id));
    const rival = { ...worker, id: "rival" };
    await pair.there.claims.heartbeat(rival);
    const { runs } = await pair.there.claims.claim({ worker: rival, max: 5 });
    expect(runs.map(({ run }) => run.runId)).toEqual([other]);
  },
  async "claims.heartbeatThread"() {
    const pair = await openPair(sameRun);
    const spec = pair.here.claims.heartbeatThread(worker);
    const holder: { exports?: (data: unknown) => { beat(): Promise<void>; close(): Promise<void> } } = {};
    new Function("module", "require", spec?.source ?? "")(holder, createRequire(import.meta.url));
    const thread = holder.exports?.(spec?.data);
    const before = await rowsOf(pair.here);
    await alone(pair, async () => thread?.beat());
    await thread?.close();
    expect(await rowsOf(pair.here)).not.toEqual(before);
  },
  async "hooks.find"() {
    const pair = await openPair(sameRun);
    await askForHook(pair.there, "another");
    expect(await pair.there.hooks.find("another")).toMatchObject({ runId });
    expect(await alone(pair, () => pair.here.hooks.find("another"))).toBeNull();
    expect(await pair.here.hooks.find("token")).toMatchObject({ runId, position: 3 });
  },
  async "bundles.put"() {
    const pair = await openPair(sameRun);
    await alone(pair, () => pair.here.bundles.put("mine", new Uint8Array([3])));
    expect(await pair.there.bundles.get("mine")).toBeNull();
  },
  async "bundles.get"() {
    const pair = await openPair(sameRun);
    expect(await alone(pair, () => pair.here.bundles.get("bundle"))).toEqual(new Uint8Array([1]));
    expect(await pair.there.bundles.get("bundle")).toEqual(new Uint8Array([2]));
  },
  async "streams.append"() {
    const pair = await openPair(withStream);
    const batch = streamBatch(outsider("writer"), 2, ["more"]);
    expect(await alone(pair, () => pair.here.streams.append(runId, batch))).toEqual({ kind: "appended", first: 1 });
    await alone(pair, () => expect(pair.here.streams.append(other, batch)).rejects.toThrow(WorkflowRunNotFoundError));
    expect((await pair.there.streams.info(runId, "out"))?.count).toBe(1);
  },
  async "streams.read"() {
    const pair = await openPair(withStream);
    const read = (id: string) => pair.here.streams.read(id, "out", { from: 0, limit: 10 });
    expect((await alone(pair, () => read(runId))).chunks).toEqual([new Uint8Array(Buffer.from("here"))]);
    await expect(read(other)).rejects.toThrow(WorkflowRunNotFoundError);
  },
  async "streams.info"() {
    const pair = await openPair(withStream);
    await pair.there.streams.append(runId, streamBatch(outsider("writer"), 2, ["more"]));
    expect(await alone(pair, () => pair.here.streams.info(runId, "out"))).toMatchObject({ count: 1 });
    await expect(pair.here.streams.info(other, "out")).rejects.toThrow(WorkflowRunNotFoundError);
  },
  async "streams.list"() {
    const pair = await openPair(withStream);
    const batch = { ...streamBatch(outsider("writer"), 1, ["there"]), name: "another" };
    await pair.there.streams.append(runId, batch);
    const listed = await alone(pair, () => pair.here.streams.list(runId, { after: null, limit: 10 }));
    expect(listed.map(({ name }) => name)).toEqual(["out"]);
  },
  async "steps.claim"() {
    const pair = await openPair(withJob);
    expect(await alone(pair, () => claimJobs(pair.here))).toMatchObject([{ job: { runId, delivery: 1 } }]);
    expect(await claimJobs(pair.there)).toMatchObject([{ job: { runId, delivery: 1 } }]);
  },
  async "steps.held"() {
    const pair = await openPair(withJob);
    await claimJobs(pair.there);
    expect(await alone(pair, () => pair.here.steps.held(worker.id))).toEqual([]);
  },
  async "steps.release"() {
    const pair = await openPair(withJob);
    await claimJobs(pair.there);
    const release = () => pair.here.steps.release(worker.id, runId, { correlationId: stepId, attempt: 1, delivery: 1 });
    expect(await alone(pair, release)).toBe(false);
    await claimJobs(pair.here);
    expect(await alone(pair, release)).toBe(true);
  },
  async "transactions.create"() {
    const pair = await openPair(sameRun);
    const url = (await database) ?? "";
    const transacted = (world: World, n: number) =>
      withClient(url, async (client) => world.transactions?.create(client, creation(n, { key: "key" })));
    expect(await alone(pair, () => transacted(pair.here, 2))).toEqual({ kind: "created", runId: other });
    expect(await transacted(pair.here, 3)).toEqual({ kind: "existing", runId: other });
  },
  async "transactions.append"() {
    const pair = await openPair((world) => openStep(world));
    const append = (id: string) => pair.here.transactions?.append(id, async () => completed());
    expect(await alone(pair, async () => append(runId))).toMatchObject({ kind: "appended", tail: 4 });
    expect(await pair.there.log.read(runId, { after: 3, limit: 10 })).toEqual([]);
    await pair.there.runs.create(creation(2));
    await expect(append(other)).rejects.toThrow(WorkflowRunNotFoundError);
  },
  async park() {
    const pair = await openPair(sameRun);
    const fault = { reason: "diverged", detail: "", position: null } as const;
    expect(await alone(pair, () => pair.here.park(runId, 1, fault))).toBe(true);
    expect(await alone(pair, () => pair.here.park(other, 0, fault))).toBe(false);
    expect((await pair.there.runs.get(runId))?.parked).toBeNull();
  },
  async unpark() {
    const pair = await openPair(async (world, side) => {
      await sameRun(world, side);
      await world.park(runId, 1, { reason: "diverged", detail: "", position: null });
    });
    expect(await alone(pair, () => pair.here.unpark(runId))).toBe(true);
    expect((await pair.there.runs.get(runId))?.parked).toMatchObject({ reason: "diverged" });
  },
  async "wake.listen"() {
    const pair = await openPair(sameRun);
    const heard: (string | null)[] = [];
    const changes = new EventTarget();
    const next = () => once(changes, "hint");
    const up = next();
    const stop = pair.here.wake?.listen((hint) => {
      heard.push(hint.runId);
      changes.dispatchEvent(new Event("hint"));
    });
    // Anything may have changed before its notifications were heard.
    await up;
    const elsewhere = await pair.again("there");
    await elsewhere.runs.create(creation(7));
    await elsewhere.close();
    const own = next();
    await (await pair.again("here")).runs.create(creation(8));
    await own;
    stop?.();
    expect(heard).toEqual([null, id("wrun", 8)]);
  },
  async close() {
    const pair = await openPair(sameRun);
    await alone(pair, () => pair.here.close());
    expect(await pair.there.runs.get(runId)).toMatchObject({ runId });
  },
};

/** The names of all functions of a world and of its parts. */
const methodsOf = (world: World): readonly string[] =>
  Object.entries(world).flatMap(([name, part]: readonly [string, unknown]) => {
    if (typeof part === "function") return [name];
    const inner = Object.entries(part as Readonly<Record<string, unknown>>);
    return inner.filter(([, value]) => typeof value === "function").map(([method]) => `${name}.${method}`);
  });

describe("two namespaces of one database see nothing of each other", () => {
  it("in every method of the contract", async () => {
    const { here } = await openPair(sameRun);
    expect(Object.keys(cases).toSorted()).toEqual(methodsOf(here).toSorted());
  });

  it.each(Object.entries(cases))("%s", (_method, play) => play());
});
