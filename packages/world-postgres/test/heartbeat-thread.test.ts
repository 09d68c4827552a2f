/** The thread that beats for a worker: its connection, its time limits and what it tells. */
import { Worker } from "node:worker_threads";
import type { World } from "@perdure/world";
import { describe, expect, it, onTestFinished } from "vitest";
import { driverFile } from "../src/heartbeat-thread.ts";
import { creation, worker } from "./request-values.ts";
import { withClient } from "./server.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();

interface Thread {
  /** `done`, or what the beat was rejected with. */
  beat(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** A thread that evaluates the source as a worker's thread does, and beats or closes when it is told to. */
function startThread(world: World, info = worker): Thread {
  const spec = world.claims.heartbeatThread(info);
  if (spec === null) expect.fail("this world beats from a thread");
  const main = `
    const { parentPort, workerData } = require("node:worker_threads");
    const module_ = { exports: {} };
    new Function("module", "require", workerData.source)(module_, require);
    const thread = module_.exports(workerData.data);
    parentPort.on("message", async (message) => {
      try {
        await (message === "close" ? thread.close() : thread.beat(message));
        parentPort.postMessage("done");
      } catch (error) {
        parentPort.postMessage(error);
      }
    });`;
  const thread = new Worker(main, { eval: true, workerData: spec });
  onTestFinished(async () => {
    await thread.terminate();
  });
  const ask = (message: unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      thread.once("message", resolve);
      thread.once("error", reject);
      thread.postMessage(message);
    });
  return { beat: () => ask(info), close: () => ask("close") };
}

const beatsOf = (url: string) =>
  withClient(url, async (client) => (await client.query("SELECT * FROM perdure.workers ORDER BY id")).rows);

/** The sessions of threads, which nothing but their time to live tells from others. */
const sessions = `SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'INSERT INTO "perdure".workers%' AND pid <> pg_backend_pid()`;

describe("a bundle that knows no place of its own", () => {
  it("is told to keep pg out", () => {
    expect(() => driverFile(undefined)).toThrow(
      expect.objectContaining({ code: "WORKER_SETUP", hint: expect.stringContaining("out of the bundle") }),
    );
  });
});

describe("the heartbeat thread", () => {
  it("announces the worker and renews its beat, on one connection", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const before = (await world.describe()).storeNow;
    const thread = startThread(world);
    expect(await thread.beat()).toBe("done");
    const [first] = await beatsOf(url);
    expect(first).toMatchObject({ id: "worker-a", lease_ms: "60000", workflows: JSON.stringify(worker.workflows) });
    expect(Number(first.beat_at)).toBeGreaterThanOrEqual(before);
    await withClient(url, (client) => client.query("UPDATE perdure.workers SET beat_at = 0"));
    expect(await thread.beat()).toBe("done");
    const [renewed, another] = await beatsOf(url);
    expect(Number(renewed.beat_at)).toBeGreaterThanOrEqual(Number(first.beat_at));
    expect(another).toBeUndefined();
    await withClient(url, async (client) => {
      expect((await client.query(sessions)).rows).toHaveLength(1);
      expect(await thread.close()).toBe("done");
      // The server learns of it a moment later.
      while ((await client.query(sessions)).rows.length > 0);
    });
  });

  it("S3: keeps the claims of its worker, and of no other", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const odd = { ...worker, id: "worker \\ \u0000 a" };
    const thread = startThread(world, odd);
    await thread.beat();
    await world.runs.create(creation(1));
    const rival = { ...worker, id: "worker-b" };
    await world.claims.heartbeat(rival);
    const claim = async (info: typeof worker) => (await world.claims.claim({ worker: info, max: 1 })).runs.length;
    expect(await claim(odd)).toBe(1);
    const expire = () => withClient(url, (client) => client.query("UPDATE perdure.workers SET beat_at = 0"));
    await expire();
    await thread.beat();
    expect(await claim(rival)).toBe(0);
    await expire();
    expect(await claim(rival)).toBe(1);
  });

  it("tells of a beat that was lost with its connection, and makes a new one for the next", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const thread = startThread(world);
    await thread.beat();
    const lost = await withClient(url, async (blocker) => {
      await blocker.query("BEGIN");
      await blocker.query("LOCK TABLE perdure.workers");
      const beat = thread.beat();
      await withClient(url, async (client) => {
        let pid: number | undefined;
        while (pid === undefined) pid = (await client.query(`${sessions} AND wait_event_type = 'Lock'`)).rows[0]?.pid;
        await client.query("SELECT pg_terminate_backend($1)", [pid]);
      });
      const answer = await beat;
      await blocker.query("ROLLBACK");
      return answer;
    });
    expect(lost).toMatchObject({
      message: expect.stringMatching(/^A heartbeat did not reach postgresql:.*\(57P01\)\.$/),
    });
    await withClient(url, (client) => client.query("UPDATE perdure.workers SET beat_at = 0"));
    expect(await thread.beat()).toBe("done");
    expect(Number((await beatsOf(url))[0].beat_at)).toBeGreaterThan(0);
  });

  it("gives up a beat that takes longer than it is worth", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const thread = startThread(world, { ...worker, leaseMs: 400 });
    await thread.beat();
    await withClient(url, async (blocker) => {
      await blocker.query("BEGIN");
      await blocker.query("LOCK TABLE perdure.workers");
      expect(await thread.beat()).toMatchObject({ message: expect.stringContaining("(Query read timeout)") });
      await blocker.query("ROLLBACK");
    });
    expect(await thread.beat()).toBe("done");
  });

  it("says nothing of the password when the server refuses it", async () => {
    const url = await worlds.databases.create();
    const { world, store } = await worlds.open({ url });
    const wrong = new URL(url);
    wrong.password = "not-the-one";
    Object.assign(store.settings.config, { connectionString: wrong.href });
    const refused = await startThread(world).beat();
    if (!(refused instanceof Error)) expect.fail("the server refuses it");
    expect(refused.message).toContain("(28P01)");
    expect(`${refused.message} ${refused.cause}`).not.toContain("not-the-one");
  });
});
