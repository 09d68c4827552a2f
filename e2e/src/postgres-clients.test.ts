/** Programs that only start runs and look after them, on a PostgreSQL server. */
import { setTimeout as pause } from "node:timers/promises";
import { provideBundles, registerWorkflow, tokenHash } from "@perdure/core";
import type { World } from "@perdure/world";
import { createPostgresWorld } from "@perdure/world-postgres";
import { TestDatabases, withClient } from "@perdure/world-postgres/testing/databases";
import * as api from "perdure/api";
import { describe, expect, it, onTestFinished } from "vitest";

const databases = new TestDatabases();
const workflowId = "workflow//./orders.ts//checkout";
const worker = { id: "worker", leaseMs: 60_000, workflows: [workflowId] };

const checkout = async (): Promise<string> => "never called here";
registerWorkflow(workflowId, checkout, { name: "checkout", file: "orders.ts", line: 1 });
provideBundles(async () => ({ code: "", map: null, workflows: [workflowId], steps: [] }));

async function open(url: string, namespace = "default"): Promise<World> {
  const world = await createPostgresWorld({ url, namespace, pollMs: 20 });
  onTestFinished(() => world.close());
  return world;
}

interface Sessions {
  readonly count: number;
  readonly listening: number;
  /** When one of them did something last. */
  readonly active_at: string;
}

const sessionsOf = (url: string): Promise<Sessions> =>
  withClient(url, async (client) => {
    const { rows } = await client.query(`SELECT count(*)::integer AS count,
  count(*) FILTER (WHERE query LIKE 'LISTEN%')::integer AS listening, max(state_change)::text AS active_at
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    return rows[0];
  });

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(10);
}

describe("a process that starts runs and is no worker", () => {
  it("takes few connections, announces no worker, and asks nothing until somebody waits", async () => {
    const url = await databases.create();
    const world = await open(url);
    for (let count = 0; count < 10; count += 1) await api.start(checkout, { world });
    const run = await api.start(checkout, { world });
    // The notices of the last start may still be under way.
    let before = await sessionsOf(url);
    await until(async () => {
      const last = before;
      await pause(50);
      before = await sessionsOf(url);
      return before.active_at === last.active_at;
    });
    expect(before.count).toBeLessThanOrEqual(2);
    expect(before.listening).toBe(0);
    await withClient(url, async (client) => {
      const { rows } = await client.query("SELECT clock_timestamp() AS now");
      await until(
        async () =>
          (await client.query("SELECT clock_timestamp() > $1::timestamptz + interval '0.5s' AS due", [rows[0].now]))
            .rows[0].due,
      );
      expect((await client.query("SELECT * FROM perdure.workers")).rows).toEqual([]);
    });
    expect(await sessionsOf(url)).toEqual(before);

    const ending = run.returnValue;
    ending.catch(() => {});
    await until(async () => (await sessionsOf(url)).listening === 1);
    await run.cancel();
    await expect(ending).rejects.toThrow(api.WorkflowRunCancelledError);
    // Callers that wait one by one share it; after them it goes.
    await until(async () => (await sessionsOf(url)).listening === 0);
  });
});

/** Claims the run and opens a hook for a token, as a worker would. */
async function openHook(world: World, token: string): Promise<string> {
  await world.claims.heartbeat(worker);
  const { runs, storeNow: at } = await world.claims.claim({ worker, max: 1 });
  const [claimed] = runs;
  if (claimed === undefined) expect.fail("a run is due");
  const { run, epoch } = claimed;
  const started = { type: "run_started", correlationId: null, at, data: {}, payload: null } as const;
  const hook = { correlationId: `hook_${"0".repeat(26)}`, cause: 2, data: { ordinal: 1, tokenHash: tokenHash(token) } };
  const decisions = [{ type: "hook_created", at, payload: null, ...hook } as const];
  const request = { by: "driver", epoch, n: 1, after: 1, release: null, facts: [started], decisions } as const;
  expect((await world.log.append(run.runId, { ...request, ifTail: 1 })).kind).toBe("appended");
  return run.runId;
}

const functionsCovered = ["start", "getRun", "resumeHook", "getHookByToken"];
/** They concern this process as a whole, and are given a world or open the configured one. */
const ofTheProcess = ["closeWorld", "getWorld", "startWorker"];

describe("clients of two namespaces of one database", () => {
  it("are all there is of the interface", () => {
    const functions = Object.entries(api).filter(([name, value]) => typeof value === "function" && /^[a-z]/.test(name));
    const names = functions.map(([name]) => name).toSorted();
    expect([...functionsCovered, ...ofTheProcess].toSorted()).toEqual(names);
  });

  it("have one run each of the same key, and see nothing of the other's", async () => {
    const url = await databases.create();
    const [here, there] = [await open(url, "here"), await open(url, "there")];
    const own = await api.start(checkout, { world: here, key: "order-1" });
    const other = await api.start(checkout, { world: there, key: "order-1" });
    expect(own.runId).not.toBe(other.runId);
    expect((await api.start(checkout, { world: here, key: "order-1" })).runId).toBe(own.runId);

    const unseen = api.getRun(other.runId, { world: here });
    expect(await unseen.exists).toBe(false);
    const asked = Object.keys(unseen).filter((name) => name !== "runId" && name !== "exists");
    expect(asked).toContain("returnValue");
    for (const name of asked as (keyof typeof unseen)[]) {
      const member: unknown = unseen[name];
      await expect(typeof member === "function" ? member() : member, name).rejects.toThrow(
        api.WorkflowRunNotFoundError,
      );
    }
    expect(await other.status).toBe("pending");

    expect(await openHook(there, "token")).toBe(other.runId);
    await expect(api.getHookByToken("token", { world: here })).rejects.toThrow(api.HookNotFoundError);
    await expect(api.resumeHook("token", 1, { world: here })).rejects.toThrow(api.HookNotFoundError);
    expect(await openHook(here, "token")).toBe(own.runId);
    expect((await api.resumeHook("token", 1, { world: here })).runId).toBe(own.runId);
    expect((await api.getHookByToken("token", { world: there })).runId).toBe(other.runId);
    expect(await there.log.read(other.runId, { after: 3, limit: 10 })).toEqual([]);
    await own.cancel();
    expect([await own.status, await other.status]).toEqual(["cancelled", "running"]);
  });
});
