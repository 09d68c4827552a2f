/** A store that is put back to an earlier state while processes use it. */
import type { World } from "@perdure/world";
import { describe, expect, it } from "vitest";
import type { PostgresWorldOptions } from "../src/options.ts";
import { postgresWorld } from "../src/postgres-world.ts";
import { backUp, putBack } from "./backup.ts";
import {
  cancellation,
  creation,
  driverAppend,
  eagerCreation,
  hookCreated,
  id,
  payloadFor,
  worker,
} from "./request-values.ts";
import { withClient } from "./server.ts";
import { failure, type OpenedWorld, Worlds } from "./worlds.ts";

const worlds = new Worlds();

const runId = id("wrun", 1);
const successor = { ...worker, id: "worker-b" };

async function open(options: Partial<PostgresWorldOptions> = {}): Promise<OpenedWorld & { readonly url: string }> {
  const url = await worlds.databases.create();
  const opened = await worlds.open({ url, ...options });
  await opened.world.claims.heartbeat(worker);
  return { ...opened, url };
}

/** A run that `worker` drives, with an open hook, and the time of its first turn. */
async function started(world: World): Promise<number> {
  const { storeNow } = await world.describe();
  await world.runs.create(eagerCreation(1, "token", storeNow));
  return storeNow;
}

const beat = (world: World, times = 1) =>
  Array.from({ length: times }).reduce<Promise<void>>(
    (before) => before.then(() => world.claims.heartbeat(worker)),
    Promise.resolve(),
  );

const codeOf = async (call: Promise<unknown>) => (await failure(call)).code;

const marksOf = (url: string) =>
  withClient(url, async (client) => {
    const { rows } = await client.query("SELECT value FROM perdure.meta WHERE key = 'restored'");
    return rows.map(({ value }) => value as unknown);
  });

const claim = async (world: World, by = worker) => (await world.claims.claim({ worker: by, max: 10 })).runs;

describe("a store that was put back", () => {
  it("refuses the next heartbeat of a worker, and writes nothing for it", async () => {
    const { world, url } = await open();
    await backUp(url);
    await beat(world, 2);
    await putBack(url);
    const error = await failure(world.claims.heartbeat(worker));
    expect([error.code, error.outcome]).toEqual(["STORE_RESTORED", "none"]);
    expect(error.message).toContain("it holds 1 heartbeats of a worker, of 3 that it had acknowledged");
    const { rows } = await withClient(url, (client) => client.query("SELECT beats FROM perdure.workers"));
    expect(rows).toEqual([{ beats: "1" }]);
    expect(await marksOf(url)).toHaveLength(1);
  });

  it("refuses whatever that worker asks from then on, and serves the one in its place", async () => {
    const { world, url } = await open();
    await started(world);
    await backUp(url);
    await beat(world);
    await putBack(url);
    const claiming = () => world.claims.claim({ worker, max: 1 });
    expect(await codeOf(claiming())).toBe("STORE_RESTORED");
    const calls = [
      claiming,
      () => world.claims.heartbeat(worker),
      () => world.claims.poll(worker.id),
      () => world.steps.claim({ workerId: worker.id, steps: ["step"], max: 1 }),
      () => world.steps.held(worker.id),
      () => world.runs.create(eagerCreation(2)),
    ];
    for (const call of calls) expect(await codeOf(call())).toBe("STORE_RESTORED");
    await world.claims.heartbeat(successor);
    expect(await claim(world, successor)).toEqual([]);
    await withClient(url, (client) => client.query("UPDATE perdure.workers SET beat_at = 0 WHERE id = 'worker-a'"));
    expect(await claim(world, successor)).toMatchObject([{ run: { runId }, epoch: 2 }]);
  });

  it("is known by a run whose row is older than what was acknowledged of it, though every heartbeat was kept", async () => {
    const { world, url } = await open();
    const at = await started(world);
    await backUp(url);
    const decisions = [hookCreated(2, "another", at)];
    await world.log.append(runId, driverAppend(2, 3, { decisions, ifTail: 3 }));
    await putBack(url);
    const error = await failure(
      world.log.append(runId, driverAppend(3, 4, { decisions: [hookCreated(3, "third", at)] })),
    );
    expect(error.code).toBe("STORE_RESTORED");
    expect(error.message).toContain(`it holds 1 changes of run ${runId}, of 2`);
    expect(await codeOf(world.claims.heartbeat(worker))).toBe("STORE_RESTORED");
  });

  it("is known by a run that is claimed", async () => {
    const { world, url } = await open();
    await world.runs.create(creation(1));
    await backUp(url);
    expect(await claim(world)).toHaveLength(1);
    await world.claims.release(runId, { epoch: 1, ifTail: 1, wakeAt: 0 });
    await putBack(url);
    expect(await codeOf(claim(world))).toBe("STORE_RESTORED");
    expect((await world.runs.get(runId))?.epoch).toBe(0);
  });

  it("is known after a failover that lost the last commits, at the next claim", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    await world.claims.heartbeat(worker);
    const at = await started(world);
    await backUp(proxy.target);
    await world.log.append(runId, driverAppend(2, 3, { decisions: [hookCreated(2, "another", at)], ifTail: 3 }));
    await putBack(proxy.target);
    await withClient(proxy.target, (client) =>
      client.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
      ),
    );
    // Whether this call is the one that meets the lost connection or a new one has been made by then.
    await world.describe().catch((error: unknown) => failure(Promise.reject(error)));
    expect(await codeOf(claim(world))).toBe("STORE_RESTORED");
  });

  it("is told to processes that would not notice it themselves", async () => {
    const { world, url } = await open();
    const { world: other } = await worlds.open({ url });
    await other.claims.heartbeat(successor);
    await backUp(url);
    await beat(world);
    await putBack(url);
    const before = await other.describe();
    expect(await codeOf(world.claims.heartbeat(worker))).toBe("STORE_RESTORED");
    const error = await failure(other.claims.heartbeat(successor));
    expect(error.code).toBe("STORE_RESTORED");
    expect(error.message).toContain("another process has noticed it");
    expect((await other.describe()).incarnation).not.toBe(before.incarnation);
    expect((await other.describe()).incarnation).toBe((await world.describe()).incarnation);
    expect(await marksOf(url)).toHaveLength(1);
    const { world: third } = await worlds.open({ url });
    await third.claims.heartbeat({ ...worker, id: "worker-c" });
  });

  it("is noticed again when it is put back again", async () => {
    const { world, url } = await open();
    await backUp(url);
    await beat(world);
    await putBack(url);
    await failure(world.claims.heartbeat(worker));
    const [first] = await marksOf(url);
    await world.claims.heartbeat(successor);
    await putBack(url);
    expect(await codeOf(world.claims.heartbeat(successor))).toBe("STORE_RESTORED");
    expect(first).toBeTypeOf("string");
  });

  it("keeps no client from its work, and has the workers of its process look at once", async () => {
    const { world, url } = await open({ notifications: false, pollMs: 600_000 });
    await started(world);
    const hints: (string | null)[] = [];
    const stop = world.wake?.listen(({ runId: hinted }) => hints.push(hinted));
    await backUp(url);
    await world.log.append(runId, payloadFor(1, "lost"));
    await putBack(url);
    expect(await world.log.append(runId, payloadFor(1, "kept"))).toMatchObject({ kind: "appended", tail: 4 });
    expect(await world.log.append(runId, cancellation())).toMatchObject({ kind: "appended", tail: 5 });
    expect(hints).toContain(null);
    expect(await codeOf(world.claims.poll(worker.id))).toBe("STORE_RESTORED");
    stop?.();
  });

  it("L: takes the result of a step that was begun before for nobody's", async () => {
    const { world, url } = await open();
    await started(world);
    await backUp(url);
    await beat(world);
    let wrote = false;
    const append = world.transactions?.append(runId, async (transaction) => {
      await transaction.query("SELECT 1");
      wrote = true;
      await putBack(url);
      await failure(world.claims.heartbeat(worker));
      const payload = new Uint8Array([1]);
      const data = { attempt: 1, delivery: 1 };
      const fact = { type: "step_completed", correlationId: id("step", 1), at: null, data, payload } as const;
      return { by: "executor", key: "k", attempt: 1, delivery: 1, fact };
    });
    expect(await codeOf(append ?? Promise.resolve())).toBe("STORE_RESTORED");
    expect(wrote).toBe(true);
  });

  it("is shown by status and doctor", async () => {
    const { world, url } = await open();
    const { operations } = postgresWorld({ url });
    const found = async () => (await operations.doctor()).find(({ check }) => check === "restored");
    expect(await found()).toMatchObject({ level: "ok", found: "never noticed" });
    await backUp(url);
    await beat(world);
    await putBack(url);
    const { storeNow } = await world.describe();
    await failure(world.claims.heartbeat(worker));
    expect((await operations.status()).restoredAt).toBeGreaterThanOrEqual(storeNow);
    expect(await found()).toMatchObject({ level: "warning", found: expect.stringMatching(/^noticed \d{4}-/) });
  });
});

describe("what is no sign of a store that was put back", () => {
  const quiet = async (world: World, by = worker) => {
    await world.claims.heartbeat(by);
    await claim(world, by);
    await world.claims.heartbeat(by);
  };

  it("a server's clock that is set back", async () => {
    const { world, url } = await open();
    await started(world);
    await withClient(url, (client) =>
      client.query(`CREATE OR REPLACE FUNCTION perdure.store_now() RETURNS bigint LANGUAGE sql VOLATILE AS
$$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint - 3600000 $$`),
    );
    await quiet(world);
    expect(await marksOf(url)).toEqual([]);
  });

  it("the row of a worker that somebody has deleted", async () => {
    const { world, url } = await open();
    await started(world);
    await beat(world, 3);
    await withClient(url, (client) => client.query("DELETE FROM perdure.workers"));
    await quiet(world);
    await withClient(url, (client) => client.query("DELETE FROM perdure.workers"));
    await claim(world);
    await quiet(world);
    expect(await marksOf(url)).toEqual([]);
  });

  it("a heartbeat whose answer was lost", async () => {
    const proxy = await worlds.openProxy();
    const { world } = await worlds.open({ url: proxy.url, notifications: false });
    await started(world);
    await world.claims.heartbeat(worker);
    proxy.cutAnswerTo('INSERT INTO "perdure".workers');
    expect((await failure(world.claims.heartbeat(worker))).outcome).toBe("unknown");
    await quiet(world);
    expect(await marksOf(proxy.target)).toEqual([]);
  });

  it("a row that another process has changed, or deleted and made anew", async () => {
    const { world, url } = await open();
    await started(world);
    const { world: other } = await worlds.open({ url });
    for (const key of ["one", "two"]) await other.log.append(runId, payloadFor(1, key));
    await world.log.append(runId, payloadFor(1, "three"));
    await other.log.append(runId, cancellation());
    await withClient(url, (client) =>
      client.query("DELETE FROM perdure.events; DELETE FROM perdure.hook_tokens; DELETE FROM perdure.runs"),
    );
    await other.runs.create(creation(1));
    await quiet(world);
    expect(await marksOf(url)).toEqual([]);
  });

  it("another namespace with a worker of the same name", async () => {
    const { world, url } = await open();
    await beat(world, 3);
    const { world: other } = await worlds.open({ url, namespace: "other" });
    await quiet(other);
    await quiet(world);
    expect(await marksOf(url)).toEqual([]);
  });
});
