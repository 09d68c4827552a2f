/** The plans that the server makes for the statements: no table is read from end to end. */
import { Client } from "pg";
import { describe, expect, it, vi } from "vitest";
import {
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
import { type OpenedWorld, Worlds } from "./worlds.ts";

const worlds = new Worlds();

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly Plans?: readonly PlanNode[];
}

/** Many runs, of which most are none of a worker's business: other workflows', ended, or due much later. */
const crowd = `INSERT INTO perdure.runs (namespace, run_id, version, workflow_id, workflow_name, bundle_id, isolation,
  root_run_id, created_at, status, tail, last_at, epoch, owner, wake_at, expiries, claim_tail, ended_at)
SELECT 'default', 'crowd_' || n, 1, 'workflow ' || n % 7, 'process', 'bundle', 'shared', 'crowd_' || n, n,
  CASE WHEN n % 3 = 0 THEN 'completed' ELSE 'running' END, 3, n, 1,
  CASE WHEN n % 300 = 1 THEN 'lost ' || n % 4 END,
  CASE WHEN n % 3 = 2 THEN CASE WHEN n % 7 = 1 THEN 1e15 ELSE n END END,
  0, 1, CASE WHEN n % 3 = 0 THEN n END
FROM generate_series(1, 20000) AS n;
INSERT INTO perdure.events (namespace, run_id, position, type, at, committed_at)
SELECT 'default', 'crowd_' || n, p, 'run_created', n, n FROM generate_series(1, 10000) AS n, generate_series(1, 3) AS p;
INSERT INTO perdure.hook_tokens (namespace, token_hash, run_id, correlation_id, position)
SELECT 'default', 'crowd ' || n, 'crowd_' || n, 'hook', 3 FROM generate_series(1, 5000) AS n;
INSERT INTO perdure.streams (namespace, run_id, name, count, bytes, closed, created_at)
SELECT 'default', 'crowd_' || n, 's' || s, 3, 6, false, n FROM generate_series(1, 5000) AS n, generate_series(1, 2) AS s;
INSERT INTO perdure.stream_chunks (namespace, run_id, name, index, payload)
SELECT 'default', 'crowd_' || n, 's1', i, 'xx' FROM generate_series(1, 5000) AS n, generate_series(0, 2) AS i;
INSERT INTO perdure.stream_writers (namespace, run_id, name, writer_hash, attempt, delivery, n, first)
SELECT 'default', 'crowd_' || n, 's1', 'w', 1, 1, 1, 0 FROM generate_series(1, 5000) AS n;
ANALYZE`;

/** Everything that a world asks of the server, once. */
async function use({ store, world }: OpenedWorld): Promise<void> {
  const driver = { ...worker, workflows: ["workflow 1", "workflow 2"] };
  await world.claims.heartbeat(driver);
  const { storeNow: at } = await world.describe();
  await world.runs.create(creation(1, { key: "key" }));
  await world.runs.create(creation(2, { key: "key" }));
  await world.runs.create(eagerCreation(3, "token", at));
  await world.log.append(id("wrun", 3), payloadFor(3, "key"));
  await world.log.append(id("wrun", 3), driverAppend(2, 3, { decisions: [hookCreated(4, "crowd 7", at)] }));
  await world.log.read(id("wrun", 3), { after: 2, limit: 1 });
  await world.hooks.find("token");
  // The first takes runs of lost workers only, the second also what is due.
  for (const max of [5, 50]) await world.claims.claim({ worker: driver, max });
  await world.claims.poll(driver.id);
  for (const status of ["failed", undefined] as const) {
    for (const workflowId of ["workflow 3", undefined]) {
      for (const parked of [true, undefined]) {
        const filter = { limit: 5, ...(status && { status }), ...(workflowId && { workflowId }) };
        const narrowed = parked === undefined ? filter : { ...filter, parked };
        await world.runs.list(narrowed);
        await world.runs.list({ ...narrowed, cursor: "1.9000.crowd_9000" });
      }
    }
  }
  await world.streams.append("crowd_1", streamBatch(outsider("w"), 2, ["a"], { name: "s1" }));
  await world.streams.read("crowd_1", "s1", { from: -2, limit: 5 });
  await world.streams.info("crowd_1", "s1");
  await world.streams.list("crowd_1", { after: "s1", limit: 5 });
  const reader = { from: 2, changed: () => {}, over: () => {}, failed: () => {} };
  await store.streams.grown(store.database, [{ runId: "crowd_1", name: "s1", reader }]);
  await world.claims.retire(driver.id);
}

async function plans(): Promise<ReadonlyMap<string, readonly PlanNode[]>> {
  const url = await worlds.databases.create();
  const opened = await worlds.open({ url });
  await withClient(url, (client) => client.query(crowd));
  const statements = new Map<string, Statement>();
  const query = vi.spyOn(Client.prototype, "query");
  await use(opened);
  for (const [statement] of query.mock.calls as unknown as readonly (readonly [string | Statement])[]) {
    if (typeof statement === "object") statements.set(statement.text, statement);
  }
  query.mockRestore();
  return withClient(url, async (client) => {
    const all = new Map<string, readonly PlanNode[]>();
    for (const { text, values } of statements.values()) {
      const { rows } = await client.query(`EXPLAIN (FORMAT JSON) ${text}`, [...values]);
      all.set(text, nodesOf(rows[0]["QUERY PLAN"][0].Plan));
    }
    return all;
  });
}

const nodesOf = (plan: PlanNode): PlanNode[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

const crowded: ReadonlySet<string> = new Set([
  "runs",
  "events",
  "hook_tokens",
  "streams",
  "stream_chunks",
  "stream_writers",
]);

describe("the statements of a world", () => {
  it("read no large table from end to end, and find due and lost runs by the indexes of exactly those", async () => {
    const all = await plans();
    expect(all.size).toBeGreaterThan(20);
    for (const [text, nodes] of all) {
      const scanned = nodes
        .filter((node) => node["Node Type"] === "Seq Scan")
        .map((node) => node["Relation Name"] ?? "");
      expect([text, scanned.filter((name) => crowded.has(name))]).toEqual([text, []]);
    }
    const indexesOf = (part: string) =>
      [...all]
        .filter(([text]) => text.includes(part))
        .map(([, nodes]) => nodes.flatMap((node) => node["Index Name"] ?? []));
    const due = indexesOf("FOR UPDATE SKIP LOCKED) AS due");
    const lost = indexesOf("FOR UPDATE OF r");
    const outlook = indexesOf("WITH RECURSIVE owners");
    expect([due, lost]).toEqual([[["runs_due"]], [expect.arrayContaining(["runs_by_owner"])]]);
    expect(new Set(outlook.flat())).toEqual(new Set(["runs_due", "runs_by_owner", "workers_pkey"]));
  });
});

interface TableUse {
  readonly updates: number;
  readonly updatesInPlace: number;
  /** How often each index was used to find rows. */
  readonly scans: Readonly<Record<string, number>>;
}

/** What the server has counted of the table of runs, once it has counted so many updates: it does so a little later. */
async function useOfRuns(url: string, updates: number): Promise<TableUse> {
  return withClient(url, async (client) => {
    for (;;) {
      const { rows } = await client.query(`SELECT t.n_tup_upd::integer AS updates,
  t.n_tup_hot_upd::integer AS "updatesInPlace", json_object_agg(i.indexrelname, i.idx_scan) AS scans
FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
WHERE t.schemaname = 'perdure' AND t.relname = 'runs' GROUP BY 1, 2`);
      if (rows[0].updates >= updates) return rows[0];
    }
  });
}

describe("an append", () => {
  it("finds its run by the primary key, also by a plan of an empty table, and changes no index", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url, notifications: false, maxConnections: 1 });
    await world.claims.heartbeat(worker);
    const { storeNow: at } = await world.describe();
    const runs = Array.from({ length: 50 }, (_, n) => n);
    await Promise.all(runs.map((n) => world.runs.create(eagerCreation(n, null, at))));
    for (let n = 2; n < 12; n += 1) {
      const append = (run: number) =>
        world.log.append(
          id("wrun", run),
          driverAppend(n, n, { decisions: [hookCreated(n, `token-${run}-${n}`, at)], ifTail: n }),
        );
      await Promise.all(runs.map(append));
      await Promise.all(runs.map((run) => world.hooks.find(`token-${run}-${n}`)));
      await Promise.all(runs.map((run) => world.runs.get(id("wrun", run))));
    }
    await world.close();
    const { updates, updatesInPlace, scans } = await useOfRuns(url, 500);
    expect([updates, updatesInPlace]).toEqual([500, 500]);
    const { runs_pkey: byKey = 0, ...others } = scans;
    expect(byKey).toBeGreaterThanOrEqual(1_000);
    expect(others).toEqual(Object.fromEntries(Object.keys(others).map((name) => [name, 0])));
  });
});
