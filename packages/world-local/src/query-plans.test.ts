import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Bench } from "../test/bench.ts";
import { eagerCreation, id, payloadFor, streamBatch, worker } from "../test/request-values.ts";
import { worldOn } from "./local-world.ts";
import { settledAmong } from "./run-rows.ts";
import { loadSqlite } from "./sqlite.ts";
import { Store } from "./store.ts";

const bench = new Bench();

/** Every statement that a world prepares while it is used, as SQLite plans it. */
async function plans(): Promise<ReadonlyMap<string, string>> {
  const file = join(bench.directory(), "store.db");
  const settings = { file, namespace: "default", now: Date.now, lockWaitMs: 1_000, watch: false, pollMs: 100 };
  // Creation and its migrations may read what they like.
  await (await Store.open(settings)).close();
  const { DatabaseSync } = loadSqlite();
  const statements = new Set<string>();
  const prepare = DatabaseSync.prototype.prepare;
  DatabaseSync.prototype.prepare = function record(sql: string) {
    statements.add(sql);
    return prepare.call(this, sql);
  };
  try {
    const store = await Store.open(settings);
    await use(store);
    const explained = [...statements].filter((sql) => /^(SELECT|WITH|UPDATE|DELETE)/.test(sql));
    return new Map(explained.map((sql) => [sql, planOf(store, sql)]));
  } finally {
    DatabaseSync.prototype.prepare = prepare;
  }
}

async function use(store: Store): Promise<void> {
  const world = await bench.closing(worldOn(store, false));
  await world.claims.heartbeat(worker);
  await world.runs.create(eagerCreation(1, "token", "lost"));
  await world.log.append(id("wrun", 1), payloadFor(1, "key"));
  await world.claims.claim({ worker, max: 10 });
  await world.claims.poll(worker.id);
  store.runs.select(settledAmong, [JSON.stringify([id("wrun", 1)])]);
  for (const status of ["running", undefined] as const) {
    for (const workflowId of ["workflow//a", undefined]) {
      for (const parked of [true, undefined]) {
        const filter = { limit: 5, ...(status && { status }), ...(workflowId && { workflowId }) };
        await world.runs.list(parked === undefined ? filter : { ...filter, parked });
        await world.runs.list({ ...filter, cursor: "1.1.wrun_1" });
      }
    }
  }
  await world.streams.append(id("wrun", 1), streamBatch(1, ["chunk"]));
  await world.streams.read(id("wrun", 1), "out", { from: 0, limit: 5 });
  await world.streams.list(id("wrun", 1), { after: null, limit: 5 });
  await world.claims.retire(worker.id);
}

function planOf(store: Store, sql: string): string {
  const explain = store.db.prepare(`EXPLAIN QUERY PLAN ${sql}`);
  const marks = sql.split("?").length - 1;
  return explain
    .all(...Array.from({ length: marks }, () => 1))
    .map(({ detail }) => String(detail))
    .join("; ");
}

describe("the statements of a world", () => {
  it("read no table from end to end", async () => {
    const all = await plans();
    expect(all.size).toBeGreaterThan(20);
    const scans = [...all].filter(([, plan]) =>
      /SCAN (runs|r|events|workers|w|hook_tokens|h|bundles|stream\w*|step_jobs|j)\b/.test(plan),
    );
    expect(scans).toEqual([]);
  });

  it("find due runs, and the next one to be due, by the index of exactly those", async () => {
    const due = [...(await plans())].filter(([sql]) => sql.includes("workflow_id = ? AND owner IS NULL"));
    expect(due).toHaveLength(2);
    for (const [, plan] of due) {
      expect(plan).toContain("runs_due");
      expect(plan).not.toContain("TEMP B-TREE FOR ORDER BY");
    }
  });

  it("find the runs that are waited for by their ids", async () => {
    const waits = [...(await plans())].filter(([sql]) => sql.includes("json_each") && sql.includes("run_id IN"));
    expect(waits).toHaveLength(1);
    expect(waits[0]?.[1]).toContain("runs USING INDEX runs_by_id (run_id=? AND namespace_id=?)");
  });

  it("list runs in order without sorting more than those of one moment", async () => {
    const lists = [...(await plans())].filter(([sql]) => sql.includes("ORDER BY created_at DESC"));
    expect(lists.length).toBeGreaterThan(8);
    for (const [sql, plan] of lists) expect([sql, plan]).not.toEqual([sql, expect.stringContaining("FOR ORDER BY")]);
  });
});
