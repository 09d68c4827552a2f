/** The table that remembers what steps have written: how it is made, and how its old rows go. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onceExports } from "@perdure/compiler/contract";
import { withClient } from "@perdure/world-postgres/testing/databases";
import { createOnceTable, once, onceTableSql, purgeOnce } from "perdure/once";
import type { ClientBase } from "pg";
import { describe, expect, it } from "vitest";
import { ProgramDatabases, waitingForLock } from "./once-databases.ts";
import { inStep } from "./once-steps.ts";

const program = new ProgramDatabases();

const never = async (): Promise<never> => expect.fail("the body was run again");

async function fill(client: ClientBase, count: number, days: number): Promise<void> {
  const values = "'wrun_' || $2, 'step_' || n, '', '1:input', '\\x00', now() - make_interval(days => $2::int)";
  const columns = "run_id, step_id, name, input_digest, result, created_at";
  await client.query(`INSERT INTO perdure_once (${columns}) SELECT ${values} FROM generate_series(1, $1::int) n`, [
    count,
    days,
  ]);
}

const ages = async (client: ClientBase) => {
  const { rows } = await client.query<{ readonly run_id: string; readonly count: string }>(
    "SELECT run_id, count(*) FROM perdure_once GROUP BY run_id ORDER BY run_id",
  );
  return Object.fromEntries(rows.map((row) => [row.run_id, Number(row.count)]));
};

describe("the SQL of the table", () => {
  it("is that of the guide", () => {
    const guide = readFileSync(join(import.meta.dirname, "../../../docs/guides/transactions.md"), "utf8");
    expect(guide).toContain(`\`\`\`sql\n${onceTableSql()}\`\`\``);
  });
});

it("workflow code knows every function of `perdure/once`, to say that it belongs into a step", async () => {
  expect(Object.keys(await import("perdure/once")).toSorted()).toEqual(onceExports.toSorted());
});

describe("createOnceTable", () => {
  it("may be called by any number at once, and again", async () => {
    const pool = program.pool(await program.databases.create());
    await Promise.all(Array.from({ length: 5 }, () => createOnceTable(pool)));
    expect(await inStep(() => once(pool, async () => 1))).toBe(1);
    await createOnceTable(pool);
    expect(await inStep(() => once(pool, never))).toBe(1);
  });

  it("needs CREATE on the schema", async () => {
    const url = await program.databases.create();
    const access = await program.databases.createUser();
    await withClient(url, (client) => client.query("REVOKE CREATE ON SCHEMA public FROM PUBLIC"));
    const pool = program.pool(await program.databases.url(new URL(url).pathname.slice(1), access));
    await expect(createOnceTable(pool)).rejects.toMatchObject({ code: "42501" });
  });
});

describe("purgeOnce", () => {
  it("deletes what is older, in as many batches as it takes, and nothing else", async () => {
    const { url, pool } = await program.open();
    await withClient(url, async (client) => {
      await fill(client, 2_001, 40);
      await fill(client, 3, 29);
      expect(await purgeOnce(pool, { olderThan: "30d" })).toBe(2_001);
      expect(await ages(client)).toEqual({ wrun_29: 3 });
      expect(await purgeOnce(client, { olderThan: "30d" })).toBe(0);
    });
  });

  it("passes over rows in use, and waits for nobody", async () => {
    const { url, pool } = await program.open();
    await withClient(url, async (client) => {
      await fill(client, 3, 40);
      await client.query("BEGIN");
      await client.query("SELECT 1 FROM perdure_once WHERE step_id = 'step_2' FOR UPDATE");
      expect(await purgeOnce(pool, { olderThan: "30d" })).toBe(2);
      await client.query("COMMIT");
      expect(await purgeOnce(pool, { olderThan: "30d" })).toBe(1);
    });
  });

  it("takes a row away from under a start that has waited for it: that one runs its body", async () => {
    const { url, pool } = await program.open();
    const write = () => inStep(() => once(pool, async () => "again"));
    await withClient(url, async (client) => {
      await inStep(() => once(pool, async () => "first"));
      await client.query("BEGIN");
      await client.query("DELETE FROM perdure_once");
      const waiting = write();
      await waitingForLock(url);
      await client.query("COMMIT");
      expect(await waiting).toBe("again");
    });
  });

  it("finds old rows by the index, however many there are", async () => {
    const { url, pool } = await program.open();
    await withClient(url, async (client) => {
      await fill(client, 5_000, 10);
      await fill(client, 5, 40);
      await client.query("VACUUM ANALYZE perdure_once");
      const texts: string[] = [];
      const listening = {
        query: (text: string) => {
          texts.push(text);
          return pool.query(text);
        },
      };
      expect(await purgeOnce(listening, { olderThan: "30d" })).toBe(5);
      const { rows } = await client.query<{ readonly "QUERY PLAN": string }>(`EXPLAIN ${texts[0]}`);
      const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
      expect(plan).toContain("Index Scan using perdure_once_created_at");
      expect(plan).toContain("Tid Scan");
      expect(plan).not.toContain("Seq Scan");
    });
  });

  it("refuses what is no age, and deletes nothing", async () => {
    const { url, pool } = await program.open();
    await withClient(url, async (client) => {
      await fill(client, 1, 40);
      for (const olderThan of ["", "30", "d", "30 days", "0"]) {
        await expect(purgeOnce(pool, { olderThan })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      }
      expect(await ages(client)).toEqual({ wrun_40: 1 });
    });
  });
});
