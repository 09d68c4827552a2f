/** What people do with a store: its status, migrations from outside, the doctor. */
import type { DoctorFinding } from "@perdure/world";
import { createPostgresWorld, postgresWorld } from "@perdure/world-postgres";
import { describe, expect, it } from "vitest";
import { cancellation, creation, eagerCreation, id, worker } from "./request-values.ts";
import { TestDatabases, withClient } from "./server.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();
const careless = new TestDatabases("-c fsync=off -c full_page_writes=off -c autovacuum=off -c max_connections=12");

const byCheck = (findings: readonly DoctorFinding[]) => new Map(findings.map((each) => [each.check, each]));

describe("the status", () => {
  it("counts runs, what is due, claims and tables", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    await world.claims.heartbeat(worker);
    for (const n of [1, 2]) await world.runs.create(creation(n));
    await world.runs.create(eagerCreation(3));
    await world.log.append(id("wrun", 2), cancellation());
    await world.runs.create({
      ...eagerCreation(4),
      eager: { worker: "gone", facts: eagerCreation(4).eager?.facts ?? [], decisions: [], release: null },
    });
    await world.park(id("wrun", 3), 1, { reason: "diverged", detail: "", position: null });
    const status = await postgresWorld({ url }).operations.status();
    expect(status).toMatchObject({
      namespace: "default",
      server: expect.stringMatching(/^PostgreSQL \d+/),
      schemaVersion: 1,
      restoredAt: null,
      runs: { pending: 1, running: 2, completed: 0, failed: 0, cancelled: 1 },
      parked: { diverged: 1 },
      due: 1,
      oldestDueMs: expect.any(Number),
      scheduled: 0,
    });
    expect(status.workers).toEqual([
      { id: "gone", alive: false, beatAgeMs: null, leaseMs: null, claims: 1 },
      { id: worker.id, alive: true, beatAgeMs: expect.any(Number), leaseMs: worker.leaseMs, claims: 0 },
    ]);
    expect(status.tables.map(({ name }) => name)).toEqual(expect.arrayContaining(["bundles", "events", "runs"]));
    for (const { bytes } of status.tables) expect(bytes).toBeGreaterThan(0);
  });

  it("needs tables", async () => {
    const { operations } = postgresWorld({ url: await worlds.databases.create() });
    expect((await failure(operations.status())).code).toBe("STORE_NOT_MIGRATED");
  });
});

describe("a migration from outside", () => {
  it("prints what it would do, does it once, and a world without rights opens", async () => {
    const url = await worlds.databases.create();
    const { operations } = postgresWorld({ url });
    const planned = await operations.migrate({ dryRun: true });
    expect(planned).toMatchObject({ from: 0, to: 1 });
    expect((await failure(createPostgresWorld({ url, migrate: false }))).code).toBe("STORE_NOT_MIGRATED");
    expect(await operations.migrate({ dryRun: false })).toEqual(planned);
    expect(await operations.migrate({ dryRun: false })).toMatchObject({ from: 1, to: 1, sql: [] });
    await (await createPostgresWorld({ url, migrate: false })).close();
  });
});

describe("the doctor", () => {
  it("finds nothing on a sound server, and changes nothing", async () => {
    const url = await worlds.databases.create();
    await worlds.open({ url });
    const findings = await postgresWorld({ url }).operations.doctor();
    expect(findings.filter(({ level }) => level !== "ok")).toEqual([]);
    expect(findings.length).toBeGreaterThan(12);
    for (const { advice } of findings) expect(advice).toBeNull();
  });

  it("finds what a careless server would lose, and too few connections", async () => {
    const url = await careless.create();
    const found = byCheck(await postgresWorld({ url, allowUnsafeDurability: true }).operations.doctor());
    for (const check of ["fsync", "full_page_writes", "autovacuum", "schema", "connections"]) {
      expect([check, found.get(check)?.level]).toEqual([check, "problem"]);
      expect(found.get(check)?.advice).not.toBeNull();
    }
  });

  it("finds what a database or a user was set to", async () => {
    const url = await worlds.databases.create();
    await worlds.open({ url });
    const database = new URL(url).pathname.slice(1);
    await withClient(url, (client) =>
      client.query(`ALTER DATABASE "${database}" SET synchronous_commit = off;
ALTER DATABASE "${database}" SET statement_timeout = '2s';
ALTER DATABASE "${database}" SET default_transaction_read_only = on`),
    );
    const found = byCheck(await postgresWorld({ url }).operations.doctor());
    expect(found.get("synchronous_commit")?.level).toBe("problem");
    expect(found.get("statement_timeout")?.level).toBe("warning");
    expect(found.get("writes")?.level).toBe("problem");
  });

  it("finds missing and invalid indexes, tables without clean-up, and missing privileges", async () => {
    const url = await worlds.databases.create();
    await worlds.open({ url });
    await withClient(url, (client) =>
      client.query(`DROP INDEX perdure.runs_due;
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'perdure.runs_parked'::regclass;
ALTER TABLE perdure.events SET (autovacuum_enabled = false)`),
    );
    const found = byCheck(await postgresWorld({ url }).operations.doctor());
    expect(found.get("indexes")).toMatchObject({
      level: "problem",
      found: expect.stringMatching(/runs_parked, runs_due/),
    });
    expect(found.get("autovacuum of the tables")).toMatchObject({ level: "problem", found: "off for: events" });
    const as = await worlds.databases.createUser();
    await withClient(url, (client) =>
      client.query(
        `GRANT USAGE ON SCHEMA perdure TO ${as.user}; GRANT SELECT ON ALL TABLES IN SCHEMA perdure TO ${as.user}`,
      ),
    );
    const asUser = await worlds.databases.url(new URL(url).pathname.slice(1), as);
    const forUser = byCheck(await postgresWorld({ url: asUser }).operations.doctor());
    expect(forUser.get("privileges")).toMatchObject({ level: "problem", found: expect.stringContaining("runs") });
  });
});
