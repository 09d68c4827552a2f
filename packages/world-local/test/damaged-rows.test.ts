/** L7: a damaged row is told, the run whose it is is parked or unreadable, and every other run goes on. */
import { DatabaseSync } from "node:sqlite";
import { PerdureError, StoreError } from "@perdure/errors";
import type { World } from "@perdure/world";
import { createLocalWorld } from "@perdure/world-local";
import { describe, expect, it } from "vitest";
import { initial } from "../src/migrations/0001-initial.ts";
import { migrate, schemaVersion } from "../src/schema.ts";
import { Bench } from "./bench.ts";
import {
  cancellation,
  creation,
  eagerCreation,
  eagerStep,
  id,
  payloadFor,
  stepId,
  streamBatch,
  worker,
  workflowId,
} from "./request-values.ts";

const bench = new Bench();

/** A closed store: runs 1 and 2 are due, 3 and 4 are claimed and have a hook with two payloads. */
async function filledStore(): Promise<string> {
  const file = bench.file();
  const world = await createLocalWorld({ path: file });
  await world.claims.heartbeat(worker);
  for (const n of [1, 2]) await world.runs.create(creation(n));
  for (const n of [3, 4]) {
    await world.runs.create(eagerCreation(n, `token-${n}`));
    for (const key of ["one", "two"]) await world.log.append(id("wrun", n), payloadFor(n, key, Buffer.from(key)));
  }
  await world.bundles.put("bundle_1", Buffer.from("code"));
  await world.close();
  return file;
}

/** Changes the closed file by statements that know nothing of checksums. */
function damage(file: string, ...statements: readonly string[]): void {
  const db = new DatabaseSync(file);
  for (const sql of statements) expect(db.prepare(sql).run().changes).toBeGreaterThan(0);
  db.close();
}

async function damagedStore(...statements: readonly string[]): Promise<World> {
  const file = await filledStore();
  damage(file, ...statements);
  return bench.closing(createLocalWorld({ path: file }));
}

async function codeOf(
  call: Promise<unknown>,
): Promise<{ readonly code: string; readonly position: number | undefined }> {
  const error: unknown = await call.then(
    (value) => expect.fail(`expected an error, not ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (!PerdureError.is(error)) throw error;
  return { code: error.code, position: error.where?.position };
}

const ofRun = (n: number): string => `(SELECT rid FROM runs WHERE run_id = '${id("wrun", n)}')`;
const readAll = { after: 0, limit: 100 };

/** An append by the driver of an eager creation, which needs the fold of the log. */
const driverAppend = {
  by: "driver",
  epoch: 1,
  n: 2,
  after: 5,
  ifTail: null,
  facts: [],
  decisions: [],
  release: null,
} as const;

async function expectSound(world: World, n: number): Promise<void> {
  expect((await world.log.read(id("wrun", n), readAll)).map(({ position }) => position)).toEqual([1, 2, 3, 4, 5]);
  expect((await world.log.append(id("wrun", n), payloadFor(n, "three"))).kind).toBe("appended");
}

/** A closed store of two runs with a background step each. */
async function storeOfJobs(): Promise<string> {
  const file = bench.file();
  const world = await createLocalWorld({ path: file });
  await world.claims.heartbeat(worker);
  for (const n of [1, 2]) await world.runs.create(eagerStep(n));
  await world.close();
  return file;
}

describe("a damaged job", () => {
  const first = `rid = ${ofRun(1)}`;
  it.each([
    ["of another attempt", `UPDATE step_jobs SET attempt = 7 WHERE ${first}`],
    ["about another call", `UPDATE step_jobs SET position = 2 WHERE ${first}`],
    ["whose call is damaged", `UPDATE events SET data = '{}' WHERE id = (${ofRun(1)} << 24) + 3`],
  ])("%s parks its run, and no other waits for it", async (_, sql) => {
    const file = await storeOfJobs();
    damage(file, sql);
    const world = await bench.closing(createLocalWorld({ path: file }));
    const { jobs } = await world.steps.claim({ workerId: worker.id, steps: [stepId], max: 10 });
    expect(jobs.map(({ job }) => job.runId)).toEqual([id("wrun", 2)]);
    expect((await world.runs.get(id("wrun", 1)))?.parked?.reason).toBe("undecodable");
    expect((await world.log.append(id("wrun", 1), cancellation())).kind).toBe("appended");
  });
});

describe("a damaged event", () => {
  const third = `id = (${ofRun(3)} << 24) + 4`;
  it.each([
    ["another type", 4, `UPDATE events SET type = 12 WHERE ${third}`],
    ["another time", 4, `UPDATE events SET at = at + 1 WHERE ${third}`],
    ["an integer that no number holds", 4, `UPDATE events SET at = 1 << 62 WHERE ${third}`],
    ["another key", 4, `UPDATE events SET key = 'onf' WHERE ${third}`],
    ["no key", 4, `UPDATE events SET key = NULL WHERE ${third}`],
    ["other data", 4, `UPDATE events SET data = '{"ordinal":9}' WHERE ${third}`],
    ["data that are no JSON", 4, `UPDATE events SET data = '{"ordinal":' WHERE ${third}`],
    ["another payload", 4, `UPDATE events SET payload = CAST('onf' AS BLOB) WHERE ${third}`],
    ["a payload that became text", 4, `UPDATE events SET payload = CAST(payload AS TEXT) WHERE ${third}`],
    ["the payload of another event", 4, `UPDATE events SET payload = CAST('two' AS BLOB) WHERE ${third}`],
    ["another payload's checksum", 4, `UPDATE events SET payload_sum = payload_sum + 1 WHERE ${third}`],
    ["another checksum", 4, `UPDATE events SET sum = sum + 1 WHERE ${third}`],
    ["another place", 4, `UPDATE events SET id = (id | 15) WHERE ${third}`],
    ["no row at all", 4, `DELETE FROM events WHERE ${third}`],
    ["no row at the end", 5, `DELETE FROM events WHERE id = (${ofRun(3)} << 24) + 5`],
  ])("with %s makes its log unreadable, and no other", async (_, position, sql) => {
    const world = await damagedStore(sql);
    expect(await codeOf(world.log.read(id("wrun", 3), readAll))).toEqual({ code: "UNDECODABLE", position });
    await expectSound(world, 4);
  });

  it("lets no driver append, and a cancellation through", async () => {
    const world = await damagedStore(`UPDATE events SET at = at + 1 WHERE ${third}`);
    expect(await codeOf(world.log.append(id("wrun", 3), driverAppend))).toEqual({ code: "UNDECODABLE", position: 4 });
    expect((await world.log.append(id("wrun", 3), cancellation())).kind).toBe("appended");
    expect((await world.log.append(id("wrun", 4), driverAppend)).kind).toBe("appended");
  });

  it("beyond the tail is not read, and lets nothing be written over it", async () => {
    const columns = "type, correlation_id, at, committed_at, cause, epoch, NULL, data, sum, payload_sum, payload";
    const world = await damagedStore(
      `INSERT INTO events SELECT (id + 1), ${columns} FROM events WHERE id = (${ofRun(3)} << 24) + 5`,
    );
    expect(await world.log.read(id("wrun", 3), readAll)).toHaveLength(5);
    const appends = [3, 4].map((n) => world.log.append(id("wrun", n), payloadFor(n, "three")));
    expect((await Promise.allSettled(appends)).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(await codeOf(world.log.append(id("wrun", 3), payloadFor(3, "three")))).toEqual({
      code: "UNDECODABLE",
      position: 6,
    });
  });
});

describe("a damaged row of a run", () => {
  const first = `run_id = '${id("wrun", 1)}'`;
  it.each([
    ["another status", "status = 3"],
    ["no status that there is", "status = 77"],
    ["another tail", "tail = tail + 1"],
    ["an integer that no number holds", "last_at = 1 << 62"],
    ["bytes for a number", "expiries = x''"],
    ["another bundle", "bundle_id = 'bundle_2'"],
    ["another workflow name", "workflow_name = 'proceed'"],
    ["another checksum", "sum = sum + 1"],
  ])("with %s is shown as parked, and nobody's to change", async (_, change) => {
    const world = await damagedStore(`UPDATE runs SET ${change} WHERE ${first}`);
    expect((await world.runs.get(id("wrun", 1)))?.parked?.reason).toBe("undecodable");
    expect((await world.runs.waitForEnd(id("wrun", 1), 60_000))?.parked?.reason).toBe("undecodable");
    const listed = (await world.runs.list({ limit: 10 })).items.map(({ runId, parked }) => [runId, parked?.reason]);
    expect(listed).toHaveLength(4);
    expect(listed).toContainEqual([id("wrun", 1), "undecodable"]);
    expect(listed.filter(([, reason]) => reason !== undefined)).toHaveLength(1);
    for (const call of [
      world.log.read(id("wrun", 1), readAll),
      world.log.append(id("wrun", 1), cancellation()),
      world.runs.create(creation(1)),
      world.unpark(id("wrun", 1)),
    ]) {
      expect(await codeOf(call)).toMatchObject({ code: "UNDECODABLE" });
    }
    await expectSound(world, 4);
  });

  it("does not keep the others from being claimed, and is out of the way after that", async () => {
    const file = await filledStore();
    damage(file, `UPDATE runs SET workflow_name = 'proceed' WHERE ${first}`);
    const world = await bench.closing(createLocalWorld({ path: file }));
    const parked = world.runs.waitForEnd(id("wrun", 1), 60_000);
    const { runs, nextWakeAt } = await world.claims.claim({ worker, max: 10 });
    expect(runs.map(({ run }) => run.runId)).toEqual([id("wrun", 2)]);
    expect(nextWakeAt).toBeNull();
    expect((await parked)?.parked).toMatchObject({ reason: "undecodable", detail: expect.stringContaining("damaged") });
    expect((await world.runs.list({ limit: 10, parked: true })).items.map(({ runId }) => runId)).toEqual([
      id("wrun", 1),
    ]);
    expect(await codeOf(world.unpark(id("wrun", 1)))).toMatchObject({ code: "UNDECODABLE" });
  });

  it("of a lost worker does not keep its other runs from being taken over", async () => {
    const world = await damagedStore(
      `UPDATE runs SET workflow_name = 'proceed' WHERE run_id = '${id("wrun", 3)}'`,
      "UPDATE workers SET beat_at = 1 << 62",
    );
    const other = { id: "worker-b", leaseMs: 60_000, workflows: [workflowId] };
    await world.claims.heartbeat(other);
    const { runs } = await world.claims.claim({ worker: other, max: 10 });
    expect(runs.map(({ run }) => run.runId).sort()).toEqual([1, 2, 4].map((n) => id("wrun", n)));
  });
});

describe("what leads to a run", () => {
  it.each([
    ["a token that names another hook", `UPDATE hook_tokens SET correlation_id = 'hook_x' WHERE rid = ${ofRun(3)}`],
    ["a token that names another position", `UPDATE hook_tokens SET position = 4 WHERE rid = ${ofRun(3)}`],
    ["a token that names no position", `UPDATE hook_tokens SET position = 40 WHERE rid = ${ofRun(3)}`],
    ["a token of another run", `UPDATE hook_tokens SET rid = ${ofRun(4)} WHERE rid = ${ofRun(3)}`],
    ["a token of no run", `UPDATE hook_tokens SET rid = 77 WHERE rid = ${ofRun(3)}`],
    ["a token of a damaged run", `UPDATE runs SET tail = tail + 1 WHERE rid = ${ofRun(3)}`],
  ])("is believed only with the log: %s", async (_, sql) => {
    const world = await damagedStore(sql);
    expect(await codeOf(world.hooks.find("token-3"))).toMatchObject({ code: "UNDECODABLE" });
    expect((await world.hooks.find("token-4"))?.runId).toBe(id("wrun", 4));
  });

  it("is a bundle that is as it was stored", async () => {
    const world = await damagedStore("UPDATE bundles SET bytes = CAST('cope' AS BLOB)");
    expect(await codeOf(world.bundles.get("bundle_1"))).toMatchObject({ code: "UNDECODABLE" });
  });
});

describe("a damaged stream", () => {
  const sid = `(SELECT sid FROM streams WHERE rid = ${ofRun(3)})`;
  const chunk = `id = (${sid} << 24) + 1`;

  async function damagedStream(sql: string): Promise<World> {
    const file = await filledStore();
    const world = await createLocalWorld({ path: file });
    for (const n of [3, 4]) await world.streams.append(id("wrun", n), streamBatch(1, ["one", "two", "three"]));
    await world.close();
    damage(file, sql);
    return bench.closing(createLocalWorld({ path: file }));
  }

  const read = (world: World, n: number) => world.streams.read(id("wrun", n), "out", { from: 0, limit: 10 });

  it.each([
    ["another count", `UPDATE streams SET count = 2 WHERE sid = ${sid}`],
    ["another end", `UPDATE streams SET closed = 1 WHERE sid = ${sid}`],
    ["an error that nobody wrote", `UPDATE streams SET error = x'00' WHERE sid = ${sid}`],
    ["another size of a chunk", `UPDATE stream_chunks SET size = 4 WHERE ${chunk}`],
    ["another chunk", `UPDATE stream_chunks SET payload = CAST('twx' AS BLOB) WHERE ${chunk}`],
    ["a chunk that became text", `UPDATE stream_chunks SET payload = CAST(payload AS TEXT) WHERE ${chunk}`],
    ["another place of a chunk", `UPDATE stream_chunks SET id = id + 7 WHERE ${chunk}`],
    ["no chunk", `DELETE FROM stream_chunks WHERE ${chunk}`],
    ["no chunk at the end", `DELETE FROM stream_chunks WHERE id = (${sid} << 24) + 2`],
  ])("with %s is told to whoever reads it, and no other is", async (_, sql) => {
    const world = await damagedStream(sql);
    expect(await codeOf(read(world, 3))).toMatchObject({ code: "UNDECODABLE" });
    expect((await read(world, 4)).chunks).toHaveLength(3);
    await expectSound(world, 3);
  });

  it("whose writer is not as it was takes nothing more from it", async () => {
    const world = await damagedStream(`UPDATE stream_writers SET n = 0 WHERE sid = ${sid}`);
    const again = streamBatch(1, ["one", "two", "three"]);
    const appends = [3, 4].map((n) => world.streams.append(id("wrun", n), again));
    expect((await Promise.allSettled(appends)).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(await codeOf(world.streams.append(id("wrun", 3), again))).toMatchObject({ code: "UNDECODABLE" });
    expect((await read(world, 3)).count).toBe(3);
  });
});

describe("a damaged file", () => {
  async function refusal(...statements: readonly string[]): Promise<StoreError> {
    const file = await filledStore();
    const db = new DatabaseSync(file);
    db.enableDefensive?.(false);
    for (const sql of statements) db.exec(sql);
    db.close();
    const error: unknown = await createLocalWorld({ path: file }).then(
      (world) => bench.closing(world),
      (reason: unknown) => reason,
    );
    if (!StoreError.is(error)) expect.fail(`expected a StoreError, not ${String(error)}`);
    return error;
  }

  it.each([
    ["whose incarnation has another name", "UPDATE meta SET value = 'x' WHERE key = 'incarnation'"],
    ["whose incarnation is missing", "DELETE FROM meta WHERE key = 'incarnation'"],
    [
      "whose table is described otherwise",
      "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'INTEGER PRIMARY KEY', 'INTEGER') WHERE name = 'namespaces'",
    ],
    ["that lost its version", "PRAGMA user_version = 0"],
    ["that lacks a column", "ALTER TABLE runs DROP COLUMN sum"],
    ["that lacks a table", "DROP TABLE bundles"],
    [
      "whose index does not agree with its table",
      `PRAGMA writable_schema = ON;
       UPDATE sqlite_schema SET sql = replace(sql, 'ended_owner, ended_at)', 'ended_owner, started_at)') WHERE name = 'runs_by_ended_owner';
       UPDATE sqlite_schema SET sql = replace(sql, 'id >> 24', 'id >> 23') WHERE name = 'events_by_key'`,
    ],
  ])("%s is refused", async (_, ...statements) => {
    expect((await refusal(...statements)).code).toBe("STORE_CORRUPT");
  });
});

describe("a file of version 1", () => {
  it("gets the checksums of what it holds", async () => {
    const source = await filledStore();
    const file = bench.file();
    const db = new DatabaseSync(file);
    migrate(db, file, [initial]);
    db.exec(`ATTACH '${source}' AS source`);
    for (const table of ["meta", "namespaces", "runs", "events", "hook_tokens", "bundles", "workers"]) {
      const columns = db.prepare(`SELECT group_concat(name) AS names FROM pragma_table_info('${table}', 'main')`).get();
      db.exec(
        `DELETE FROM main.${table}; INSERT INTO main.${table} SELECT ${String(columns?.["names"])} FROM source.${table}`,
      );
    }
    db.exec("DELETE FROM main.meta WHERE key IN ('incarnation_sum', 'schema_sum')");
    db.close();
    const [old, migrated] = await Promise.all([source, file].map((path) => bench.closing(createLocalWorld({ path }))));
    if (old === undefined || migrated === undefined) expect.fail("both are open");
    expect((await migrated.describe()).incarnation).toBe((await old.describe()).incarnation);
    expect(await migrated.runs.list({ limit: 10 })).toEqual(await old.runs.list({ limit: 10 }));
    for (const n of [1, 2, 3, 4]) {
      expect(await migrated.log.read(id("wrun", n), readAll)).toEqual(await old.log.read(id("wrun", n), readAll));
    }
    expect(await migrated.bundles.get("bundle_1")).toEqual(await old.bundles.get("bundle_1"));
    await expectSound(migrated, 3);
    const check = new DatabaseSync(file);
    expect(check.prepare("PRAGMA user_version").get()).toEqual({ user_version: schemaVersion });
    expect(check.prepare("SELECT name FROM sqlite_schema WHERE name = 'events_1'").all()).toEqual([]);
    check.close();
  });
});
