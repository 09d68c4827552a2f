/** Many workers and clients on one server: they share the work, and do not wait for each other. */
import type { ClaimedRun, World } from "@perdure/world";
import { describe, expect, it, vi } from "vitest";
import { creation, worker } from "./request-values.ts";
import { withClient } from "./server.ts";
import { Worlds } from "./worlds.ts";

const worlds = new Worlds();
const isLong = process.env["PERDURE_LONG"] === "1";
if (isLong) vi.setConfig({ testTimeout: 300_000 });

/** What one claim of the engine takes at most. */
const claimMax = 256;

/** So many runs, `n` being the number of each. */
const running = (
  count: number,
  { workflow, owner, wakeAt }: Readonly<Record<string, string>>,
): string => `INSERT INTO perdure.runs (namespace, run_id, version,
  workflow_id, workflow_name, bundle_id, isolation, root_run_id, created_at, status, tail, last_at, epoch, expiries,
  claim_tail, owner, wake_at)
SELECT 'default', 'run ' || n, 1, ${workflow}, 'process', 'bundle', 'shared', 'run ' || n, n, 'running', 3, n, 1, 0,
  1, ${owner}, ${wakeAt}
FROM generate_series(1, ${count}) AS n; ANALYZE perdure.runs;`;

const ofLost = { owner: "'lost'", wakeAt: "NULL::double precision" };

async function openMany(count: number, url: string): Promise<readonly World[]> {
  const opened: World[] = [];
  for (let n = 0; n < count; n += 1) {
    const { world } = await worlds.open({ url, notifications: false });
    await world.claims.heartbeat({ ...worker, id: `worker ${n}` });
    opened.push(world);
  }
  return opened;
}

interface Shared {
  /** What each of them took. */
  readonly taken: readonly (readonly ClaimedRun[])[];
  readonly calls: number;
  readonly ms: number;
}

/** All claim at once, again and again, until nothing is left. */
async function claimAll(all: readonly World[]): Promise<Shared> {
  const began = performance.now();
  let calls = 0;
  const taken = await Promise.all(
    all.map(async (world, n) => {
      const own: ClaimedRun[] = [];
      for (;;) {
        const result = await world.claims.claim({ worker: { ...worker, id: `worker ${n}` }, max: claimMax });
        calls += 1;
        own.push(...result.runs);
        if (result.nextWakeAt === null) return own;
      }
    }),
  );
  return { taken, calls, ms: Math.round(performance.now() - began) };
}

/** Looks, as often as it can, how many sessions wait until another one has let a row go. */
async function watchingRows<T>(
  url: string,
  action: () => Promise<T>,
): Promise<{ readonly result: T; readonly looks: number; readonly queue: number }> {
  const sql = `SELECT count(*)::integer AS waits FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')`;
  return withClient(url, async (client) => {
    let isOver = false;
    const acting = action().finally(() => {
      isOver = true;
    });
    let looks = 0;
    let queue = 0;
    while (!isOver) {
      looks += 1;
      queue = Math.max(queue, (await client.query(sql)).rows[0].waits);
    }
    return { result: await acting, looks, queue };
  });
}

describe("the runs of a lost worker", () => {
  const [count, runs] = isLong ? [20, 10_000] : [8, 2_000];

  it(`are shared by ${count} workers that see the loss at once, ${runs} runs, without a queue at its rows`, async () => {
    const url = await worlds.databases.create();
    const all = await openMany(count, url);
    await withClient(url, (client) => client.query(running(runs, { ...ofLost, workflow: `'${worker.workflows[0]}'` })));
    const { result, looks, queue } = await watchingRows(url, () => claimAll(all));
    const { taken, calls, ms } = result;
    const most = Math.max(...taken.map(({ length }) => length));
    console.log({ workers: count, runs, calls, ms, looks, queue, most });
    const ids = taken.flat().map(({ run }) => run.runId);
    expect([ids.length, new Set(ids).size]).toEqual([runs, runs]);
    expect(taken.flat().every(({ epoch }) => epoch === 2)).toBe(true);
    expect(looks).toBeGreaterThan(0);
    // SKIP LOCKED itself waits where a row is updated in the moment in which it is locked; they must not queue up.
    expect(queue).toBeLessThanOrEqual(count / 4);
  });

  it("are not looked at by workers that cannot drive them", async () => {
    const url = await worlds.databases.create();
    const { world, store } = await worlds.open({ url });
    await world.claims.heartbeat(worker);
    await withClient(url, (client) => client.query(running(100, { ...ofLost, workflow: "'another'" })));
    const transactions = vi.spyOn(store.database, "transaction");
    expect(await world.claims.claim({ worker, max: claimMax })).toMatchObject({ runs: [], nextWakeAt: null });
    expect(transactions).not.toHaveBeenCalled();
  });
});

describe("what is due", () => {
  it("is shared by workers that claim at once, and no workflow waits for the backlog of another", async () => {
    const url = await worlds.databases.create();
    const all = await openMany(4, url);
    // The first workflow has the older and far larger backlog.
    await withClient(url, (client) =>
      client.query(
        running(2_000, { workflow: "CASE WHEN n <= 1900 THEN 'a' ELSE 'b' END", owner: "NULL", wakeAt: "n" }),
      ),
    );
    const workflows = ["a", "b", "c"];
    const first = await Promise.all(
      all.map((world, n) => world.claims.claim({ worker: { ...worker, id: `worker ${n}`, workflows }, max: 64 })),
    );
    const claimed = first.flatMap((result) => result.runs.map(({ run }) => run.workflowId));
    expect(first.every((result) => result.runs.length > 0)).toBe(true);
    expect(claimed.filter((workflowId) => workflowId === "b").length).toBeGreaterThanOrEqual(32);
    expect(first.every((result) => (result.nextWakeAt ?? Number.NaN) <= result.storeNow)).toBe(true);
  });
});

describe("a thousand starts of one key at once", () => {
  it("X4: give one run, over several pools", async () => {
    const url = await worlds.databases.create();
    const all = await openMany(4, url);
    const results = await Promise.all(
      Array.from({ length: 1_000 }, (_, n) => all[n % all.length]?.runs.create(creation(n, { key: "order-1" }))),
    );
    const kinds = results.map((result) => result?.kind);
    expect([
      kinds.filter((kind) => kind === "created").length,
      kinds.filter((kind) => kind === "existing").length,
    ]).toEqual([1, 999]);
    const ids = new Set(results.map((result) => (result !== undefined && "run" in result ? result.run.runId : null)));
    const { items } = (await all[0]?.runs.list({ limit: 10 })) ?? expect.fail("the runs are listed");
    expect([...ids]).toEqual(items.map(({ runId }) => runId));
    expect(await all[1]?.log.read(items[0]?.runId ?? "", { after: 0, limit: 10 })).toHaveLength(1);
  });
});
