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
import { completed, openSteps } from "./step-values.ts";
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
INSERT INTO perdure.step_jobs (namespace, run_id, correlation_id, step_id, position, attempt, delivery, ready_at, owner)
SELECT 'default', 'crowd_' || n % 50, 'step_' || n, 'step ' || n % 7, n, 1, 1, CASE WHEN n % 7 = 1 THEN 1e15 ELSE n END,
  CASE WHEN n % 300 = 1 THEN 'lost ' || n % 4 END FROM generate_series(1, 20000) AS n;
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
  await openSteps(world, 20, "background", 5);
  await world.steps.claim({ workerId: driver.id, steps: ["step"], max: 100 });
  for (const max of [5, 50]) await world.steps.claim({ workerId: driver.id, steps: ["step", "step 1", "step 2"], max });
  const [first, second] = [0, 1].map((n) => ({ correlationId: id("step", n), attempt: 1, delivery: 1 }));
  if (first === undefined || second === undefined) expect.fail("two steps were asked for");
  await world.steps.release(driver.id, id("wrun", 5), first);
  await world.steps.held(driver.id);
  // From a process that does not know the run's log; the first one is nobody's, so the jobs are looked at.
  store.cache.forget(id("wrun", 5));
  const results = [0, 1, 2].map((n) => world.log.append(id("wrun", 5), completed(1, `job/${n}`, n)));
  expect((await Promise.all(results)).map(({ kind }) => kind)).toEqual(["refused", "appended", "appended"]);
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
  "step_jobs",
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
    const inTurn = indexesOf("WITH RECURSIVE turns");
    expect([due, lost]).toEqual([[["runs_due"]], [expect.arrayContaining(["runs_by_owner"])]]);
    expect(new Set(inTurn.flat())).toEqual(new Set(["step_jobs_by_run"]));
    expect(new Set(outlook.flat())).toEqual(new Set(["runs_due", "runs_by_owner", "workers_pkey"]));
  });
});

interface TableUse {
  readonly updates: number;
  readonly updatesInPlace: number;
  /** How often the table was read from end to end. */
  readonly readWhole: number;
  /** How often each index was used to find rows. */
  readonly scans: Readonly<Record<string, number>>;
}

/** What the server has counted of a table, once it has counted so many updates: it does so a little later. */
async function useOf(table: string, url: string, updates: number): Promise<TableUse> {
  return withClient(url, async (client) => {
    for (;;) {
      const { rows } = await client.query(
        `SELECT t.n_tup_upd::integer AS updates, t.seq_scan::integer AS "readWhole",
  t.n_tup_hot_upd::integer AS "updatesInPlace", json_object_agg(i.indexrelname, i.idx_scan) AS scans
FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
WHERE t.schemaname = 'perdure' AND t.relname = $1 GROUP BY 1, 2, 3`,
        [table],
      );
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
    const { updates, updatesInPlace, scans } = await useOf("runs", url, 500);
    expect([updates, updatesInPlace]).toEqual([500, 500]);
    const { runs_pkey: byKey = 0, ...others } = scans;
    expect(byKey).toBeGreaterThanOrEqual(1_000);
    expect(others).toEqual(Object.fromEntries(Object.keys(others).map((name) => [name, 0])));
  });
});

describe("the results of jobs", () => {
  it("find their jobs by the primary key, also by a plan of an empty table", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url, notifications: false, maxConnections: 1 });
    const runs = [1, 2, 3, 4];
    const numbers = Array.from({ length: 50 }, (_, n) => n);
    const report = (run: number, n: number) => world.log.append(id("wrun", run), completed(1, `job/${n}`, n));
    for (const run of runs) {
      await openSteps(world, numbers.length, "background", run);
      const { jobs } = await world.steps.claim({ workerId: worker.id, steps: ["step"], max: 100 });
      expect(jobs).toHaveLength(numbers.length);
      const answers = await Promise.all(numbers.map((n) => report(run, n)));
      expect(new Set(answers.map(({ kind }) => kind))).toEqual(new Set(["appended"]));
    }
    await world.close();
    const { readWhole, scans } = await useOf("step_jobs", url, 200);
    // Once to make each index.
    expect(readWhole).toBe(Object.keys(scans).length);
    expect(scans["step_jobs_pkey"]).toBeGreaterThanOrEqual(400);
  });
});

describe("jobs that are taken", () => {
  it("find the calls that they are about one by one, also by a plan of a small table", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url, notifications: false, maxConnections: 1 });
    const claim = async () => (await world.steps.claim({ workerId: worker.id, steps: ["step"], max: 50 })).jobs.length;
    await openSteps(world, 1, "background", 1);
    expect(await claim()).toBe(1);
    await withClient(url, (client) => client.query("ANALYZE"));
    await openSteps(world, 1_000, "background", 2);
    for (let taken = 0; taken < 400; taken += 50) expect(await claim()).toBe(50);
    await world.close();
    const { rows } = await withClient(url, async (client) => {
      // A session has counted all that it has done once it is gone.
      const others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
      while ((await client.query(others)).rows.length > 0);
      return client.query(`SELECT seq_tup_read::integer + idx_tup_fetch::integer AS read FROM pg_stat_user_tables
WHERE schemaname = 'perdure' AND relname = 'events'`);
    });
    expect(rows[0].read).toBeGreaterThan(400);
    expect(rows[0].read).toBeLessThan(2_000);
  });
});
