/** Deleting runs that ended long ago: all that belongs to them, and nothing else. */
import { ConfigError } from "@perdure/errors";
import type { PurgeRequest, World } from "@perdure/world";
import { createPostgresWorld, postgresWorld, type RetentionOptions } from "@perdure/world-postgres";
import { describe, expect, it, vi } from "vitest";
import { isAlone, Purge } from "../src/purge.ts";
import { runTables } from "../src/run-tables.ts";
import { cancellation, creation, eagerCreation, id, payloadFor, worker } from "./request-values.ts";
import { withClient } from "./server.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();
const hourMs = 3_600_000;
const anyEnd: PurgeRequest = { olderThanMs: hourMs, status: null, dryRun: false };

/** These runs were created and ended two hours earlier than they were. */
async function makeOld(url: string, ...numbers: readonly number[]): Promise<void> {
  await withClient(url, (client) =>
    client.query(
      `UPDATE perdure.runs SET created_at = created_at - $2, ended_at = ended_at - $2 WHERE run_id = ANY ($1::text[])`,
      [numbers.map((n) => id("wrun", n)), 2 * hourMs],
    ),
  );
}

async function end(world: World, n: number): Promise<void> {
  expect((await world.log.append(id("wrun", n), cancellation())).kind).toBe("appended");
}

const idsOf = async (world: World): Promise<readonly string[]> =>
  (await world.runs.list({ limit: 100 })).items.map(({ runId }) => runId).sort();

describe("a purge", () => {
  it("deletes runs that ended long ago with all that belongs to them, and nothing else", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    await world.runs.create(creation(1, { key: "order" }));
    for (const n of [2, 3]) await world.runs.create(creation(n));
    await world.runs.create(eagerCreation(4, "token"));
    for (const n of [1, 2]) await end(world, n);
    await makeOld(url, 1, 3, 4);
    const { operations } = postgresWorld({ url });
    expect(await operations.purge({ ...anyEnd, dryRun: true })).toEqual({ runs: 1, events: 2, bundles: 0 });
    expect(await idsOf(world)).toHaveLength(4);
    expect(await operations.purge({ ...anyEnd, status: "failed" })).toEqual({ runs: 0, events: 0, bundles: 0 });
    expect(await operations.purge(anyEnd)).toEqual({ runs: 1, events: 2, bundles: 0 });
    expect(await idsOf(world)).toEqual([2, 3, 4].map((n) => id("wrun", n)));
    for (const table of runTables) {
      const sql = `SELECT 1 FROM perdure.${table} WHERE run_id = $1`;
      expect(await withClient(url, async (client) => (await client.query(sql, [id("wrun", 1)])).rows)).toEqual([]);
    }
    expect(await world.hooks.find("token")).not.toBeNull();
    // Its key is free again, and what the process remembered of it misleads nobody.
    const again = await world.log.append(id("wrun", 1), payloadFor(1, "late")).catch((error: unknown) => error);
    expect(again).toMatchObject({ code: "RUN_NOT_FOUND" });
    expect((await world.runs.create(creation(5, { key: "order" }))).kind).toBe("created");
  });

  it("knows every table whose rows belong to a run", async () => {
    const url = await worlds.databases.create();
    await worlds.open({ url });
    const keyed = await withClient(url, (client) =>
      client.query(`SELECT DISTINCT c.relname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'perdure'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'run_id'`),
    );
    expect(keyed.rows.map(({ name }) => name).sort()).toEqual([...runTables, "runs"].sort());
  });

  it("goes on behind a full batch, and passes over rows that somebody has locked", async () => {
    const url = await worlds.databases.create();
    await worlds.open({ url });
    await withClient(url, (client) =>
      client.query(`INSERT INTO perdure.runs (namespace, run_id, version, workflow_id, workflow_name, bundle_id, isolation,
  root_run_id, created_at, status, tail, last_at, epoch, expiries, claim_tail, ended_at)
SELECT 'default', 'old_' || n, 1, 'w', 'w', 'b', 'shared', 'old_' || n, n % 50, 'completed', CASE WHEN n = 7 THEN 20000 ELSE 2 END,
  n, 1, 0, 1, n FROM generate_series(1, 450) AS n`),
    );
    await withClient(url, async (client) => {
      await client.query("BEGIN; SELECT 1 FROM perdure.runs WHERE run_id = 'old_3' FOR UPDATE");
      const { operations } = postgresWorld({ url });
      expect(await operations.purge(anyEnd)).toMatchObject({ runs: 449, events: 448 * 2 + 20_000 });
      await client.query("ROLLBACK");
      expect(await operations.purge(anyEnd)).toMatchObject({ runs: 1, events: 2 });
    });
  });

  it("is done by one process at a time", async () => {
    const url = await worlds.databases.create();
    const { world, store } = await worlds.open({ url });
    await world.runs.create(creation(1));
    await end(world, 1);
    await makeOld(url, 1);
    const parts = [{ status: "cancelled", olderThanMs: hourMs }] as const;
    const { schema } = store.settings;
    const purge = new Purge(store.database, schema, "default");
    const waiting = await store.database.transaction(async (other) => {
      expect(await isAlone(other, schema)).toBe(true);
      expect(await purge.run(parts, "background")).toEqual({ runs: 0, events: 0 });
      return { purged: purge.run(parts, "foreground") };
    });
    expect(await waiting.purged).toEqual({ runs: 1, events: 2 });
  });
});

describe("retention", () => {
  it("is kept by a world that works, and not by one that is only a client", async () => {
    const url = await worlds.databases.create();
    const { world: client } = await worlds.open({ url, retention: { cancelled: "1h" } });
    for (const n of [1, 2, 3]) await client.runs.create(creation(n));
    for (const n of [1, 2]) await end(client, n);
    await makeOld(url, 1, 3);
    const { world: working } = await worlds.open({ url, retention: { completed: "1h" } });
    await working.claims.heartbeat(worker);
    await working.close();
    expect(await idsOf(client)).toHaveLength(3);
    const { world: purging } = await worlds.open({ url, retention: { cancelled: "1h" } });
    await purging.claims.heartbeat(worker);
    await vi.waitFor(async () => expect(await idsOf(client)).toEqual([2, 3].map((n) => id("wrun", n))));
  });

  it.each<RetentionOptions>([
    { completed: "30" },
    { failed: "30s" },
    { cancelled: "soon" },
    { complete: "1d" } as RetentionOptions,
  ])("cannot be %j", async (retention) => {
    const url = "postgresql://localhost/db";
    const error: unknown = await createPostgresWorld({ url, retention }).catch((reason: unknown) => reason);
    expect(ConfigError.is(error)).toBe(true);
  });
});
