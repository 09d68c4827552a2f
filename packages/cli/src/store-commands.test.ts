import type { DoctorFinding, StoreOperations, StoreStatus } from "@perdure/world";
import { describe, expect, test } from "vitest";
import { main } from "./main.ts";

const status: StoreStatus = {
  location: "postgresql://host:5432/app",
  namespace: "default",
  server: "PostgreSQL 15.1",
  schemaVersion: 1,
  restoredAt: null,
  runs: { pending: 1, running: 2, completed: 30, failed: 4, cancelled: 0 },
  parked: { diverged: 1, needs_step: 2 },
  due: 7,
  oldestDueMs: 61_000,
  scheduled: 9,
  workers: [
    { id: "wrkr_a", alive: true, beatAgeMs: 800, leaseMs: 3_500, claims: 12 },
    { id: "wrkr_b", alive: false, beatAgeMs: null, leaseMs: null, claims: 1 },
  ],
  tables: [
    { name: "events", bytes: 3 * 1024 * 1024, rows: 9_000, deadRows: 10 },
    { name: "runs", bytes: 512, rows: 37, deadRows: 0 },
  ],
};

const sound: DoctorFinding = { check: "fsync", level: "ok", found: "on", advice: null };
const wrong: DoctorFinding = { check: "indexes", level: "problem", found: "missing: \u001b[31mx", advice: "Make it." };

function operations(parts: Partial<StoreOperations> = {}): StoreOperations {
  return {
    backend: "postgres",
    migrate: ({ dryRun }) =>
      Promise.resolve({
        location: status.location,
        from: dryRun ? 0 : 1,
        to: 1,
        sql: dryRun ? ["CREATE a;", "CREATE b;"] : [],
      }),
    status: () => Promise.resolve(status),
    purge: ({ olderThanMs, status: ended }) =>
      Promise.resolve({ runs: olderThanMs / 86_400_000, events: ended === "failed" ? 8 : 9, bundles: 1 }),
    doctor: () => Promise.resolve([sound]),
    ...parts,
  };
}

async function run(offered: StoreOperations | null, ...argv: readonly string[]) {
  let out = "";
  let err = "";
  const code = await main(["postgres", ...argv], {
    loadWorld: () => Promise.reject(new Error("the world is not opened")),
    loadOperations: () => Promise.resolve(offered),
    develop: () => Promise.reject(new Error("unexpected")),
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
    env: {},
  });
  return { code, out, err };
}

describe("on the store of a world that has these commands", () => {
  test("the status says when it was noticed that the store was put back", async () => {
    const restored = { ...status, restoredAt: Date.UTC(2026, 2, 4, 5, 6, 7) };
    const { out } = await run(operations({ status: () => Promise.resolve(restored) }), "status");
    expect(out).toContain("restored   noticed 2026-03-04T05:06:07.000Z\n");
  });

  test("the status is a summary, the workers and the tables", async () => {
    const { code, out } = await run(operations(), "status");
    expect(code).toBe(0);
    expect(out).toMatchInlineSnapshot(`
      "store      postgresql://host:5432/app
      namespace  default
      server     PostgreSQL 15.1
      schema     version 1
      runs       1 pending, 2 running, 30 completed, 4 failed, 0 cancelled
      parked     1 diverged, 2 needs_step
      due        7, the oldest for 1m
      scheduled  9

      WORKER  STATE  LAST BEAT  CLAIMS
      wrkr_a  alive      800ms      12
      wrkr_b  lost       never       1

      TABLE      SIZE   ROWS  DEAD ROWS
      events  3.0 MiB  ~9000        ~10
      runs      512 B    ~37         ~0
      "
    `);
    expect(JSON.parse((await run(operations(), "status", "--json")).out)).toEqual(status);
  });

  test("a migration that is only planned is printed as SQL, one that has nothing to do says so", async () => {
    expect(await run(operations(), "migrate", "--dry-run")).toEqual({
      code: 0,
      out: "CREATE a;\n\nCREATE b;\n\n",
      err: "",
    });
    expect((await run(operations(), "migrate")).out).toContain("are up to date: version 1.");
    expect(JSON.parse((await run(operations(), "migrate", "--json")).out)).toMatchObject({ from: 1, to: 1, sql: [] });
  });

  test("a purge passes on what to delete, and counts it", async () => {
    const { out } = await run(operations(), "purge", "--older-than", "30d", "--status", "failed", "--dry-run");
    expect(out).toBe("Would delete 30 runs with 8 events, and 1 bundles.\n");
    expect(JSON.parse((await run(operations(), "purge", "--older-than", "1d", "--json")).out)).toEqual({
      runs: 1,
      events: 9,
      bundles: 1,
    });
  });

  test("a doctor that finds a problem says what to do, and the exit code is 1", async () => {
    expect(await run(operations(), "doctor")).toEqual({ code: 0, out: "ok       fsync: on\n", err: "" });
    const ill = operations({ doctor: () => Promise.resolve([sound, wrong]) });
    expect(await run(ill, "doctor")).toEqual({
      code: 1,
      out: "ok       fsync: on\nproblem  indexes: missing: \\u001b[31mx\n         Make it.\n",
      err: "",
    });
    const { code, out } = await run(ill, "doctor", "--json");
    expect([
      code,
      out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ]).toEqual([1, [sound, wrong]]);
  });
});

test.each([
  [null, "offers no commands of its own"],
  [operations({ backend: "other" }), 'has the commands of "other"'],
])("a world of another kind is named", async (offered, text) => {
  const { code, err } = await run(offered, "status");
  expect(code).toBe(1);
  expect(err).toContain(text);
  expect(err).toContain("@perdure/world-postgres");
});
