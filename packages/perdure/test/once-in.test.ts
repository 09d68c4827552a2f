/** Steps that write once inside of a transaction that they have begun themselves, with the client that they use anyway. */
import { withClient } from "@perdure/world-postgres/testing/databases";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { CompiledQuery, Kysely, PostgresDialect } from "kysely";
import { onceIn } from "perdure/once";
import type { Pool, PoolClient } from "pg";
import { describe, expect, it } from "vitest";
import { nothing, ProgramDatabases, state, waitingForLock } from "./once-databases.ts";
import { inStep } from "./once-steps.ts";

const program = new ProgramDatabases();

const never = async (): Promise<never> => expect.fail("the body was run again");

/** A transaction as a program writes it that uses `pg` alone. */
async function transact<T>(pool: Pool, use: (client: PoolClient) => Promise<T>, begin = "BEGIN"): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(begin);
    const result = await use(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

const insert = (client: PoolClient, note: string) => client.query("INSERT INTO ledger (note) VALUES ($1)", [note]);

/** A body that writes a note and returns a result. */
const noting =
  <T>(client: PoolClient, note: string, result: T) =>
  async (): Promise<T> => {
    await insert(client, note);
    return result;
  };

let prepared = 0;

describe("a transaction of the caller's remembers what a step has done in it", () => {
  it("through `pg`", async () => {
    const { url, pool } = await program.open();
    const value = { at: new Date(5), big: 7n };
    const write = () => transact(pool, (client) => onceIn(client, noting(client, "a", value)));
    const again = () => transact(pool, (client) => onceIn(client, never));
    expect(await inStep(write)).toEqual(value);
    expect(await inStep(again)).toEqual(value);
    expect(await state(url)).toEqual({ notes: ["a"], names: [""], withoutResult: 0 });
  });

  it("through Drizzle", async () => {
    const { url, pool } = await program.open();
    const db = drizzle(pool);
    const write = () =>
      db.transaction((tx) =>
        onceIn({ query: (text) => tx.execute(sql.raw(text)) }, async () => {
          await tx.execute(sql`INSERT INTO ledger (note) VALUES (${"by Drizzle"})`);
          return new Date(5);
        }),
      );
    expect([await inStep(write), await inStep(write)]).toEqual([new Date(5), new Date(5)]);
    expect((await state(url)).notes).toEqual(["by Drizzle"]);
  });

  it("through Kysely", async () => {
    const { url, pool } = await program.open();
    const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
    const write = () =>
      db.transaction().execute((trx) =>
        onceIn({ query: (text) => trx.executeQuery(CompiledQuery.raw(text)) }, async () => {
          await trx.executeQuery(CompiledQuery.raw("INSERT INTO ledger (note) VALUES ($1)", ["by Kysely"]));
          return new Date(5);
        }),
      );
    expect([await inStep(write), await inStep(write)]).toEqual([new Date(5), new Date(5)]);
    expect((await state(url)).notes).toEqual(["by Kysely"]);
  });

  it("through what gives the rows alone, and takes no more than one statement, as Prisma's raw queries do", async () => {
    const { url, pool } = await program.open();
    const write = () =>
      transact(pool, (client) => {
        // What has a name is prepared, which no text of several statements can be.
        const queryRawUnsafe = async (text: string): Promise<unknown[]> =>
          (await client.query({ name: `statement_${++prepared}`, text })).rows;
        return onceIn({ query: async (text) => ({ rows: await queryRawUnsafe(text) }) }, noting(client, "a", 1));
      });
    expect([await inStep(write), await inStep(write)]).toEqual([1, 1]);
    expect((await state(url)).notes).toEqual(["a"]);
  });
});

describe("inside of a transaction of the caller's", () => {
  it("a rollback leaves nothing, and the same start may begin it again", async () => {
    const { url, pool } = await program.open();
    const result = await inStep(async () => {
      const failing = transact(pool, async (client) => {
        await onceIn(client, noting(client, "never", 1));
        throw new RangeError("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(await state(url)).toEqual(nothing);
      return transact(pool, (client) => onceIn(client, noting(client, "a", 2)));
    });
    expect(result).toBe(2);
    expect((await state(url)).notes).toEqual(["a"]);
  });

  it("a body that throws has undone its own writes alone, and the next start runs it", async () => {
    const { url, pool } = await program.open();
    await inStep(() =>
      transact(pool, async (client) => {
        await insert(client, "before");
        const failing = onceIn(client, async () => {
          await insert(client, "never");
          await client.query("SELECT 1 / 0");
        });
        await expect(failing).rejects.toMatchObject({ code: "22012" });
        await insert(client, "after");
      }),
    );
    expect(await state(url)).toEqual({ ...nothing, notes: ["before", "after"] });
    expect(await inStep(() => transact(pool, (client) => onceIn(client, noting(client, "a", 1))))).toBe(1);
  });

  it("several calls have names, one after the other or one inside of the other", async () => {
    const { url, pool } = await program.open();
    const write = () =>
      transact(pool, async (client) => {
        const outer = await onceIn(
          client,
          async () => {
            const inner = await onceIn(client, noting(client, "inner", 1), { name: "inner" });
            await insert(client, "outer");
            return inner + 1;
          },
          { name: "outer" },
        );
        return [outer, await onceIn(client, noting(client, "last", 3), { name: "last" })];
      });
    expect([await inStep(write), await inStep(write)]).toEqual([
      [2, 3],
      [2, 3],
    ]);
    const { notes, names } = await state(url);
    expect([notes, names]).toEqual([
      ["inner", "outer", "last"],
      ["inner", "last", "outer"],
    ]);
  });

  it("a call that fails after one inside of it has failed has undone everything since its own begin", async () => {
    const { url, pool } = await program.open();
    await inStep(() =>
      transact(pool, async (client) => {
        const outer = async () => {
          await insert(client, "outer");
          const inner = onceIn(client, () => client.query("SELECT 1 / 0"), { name: "inner" });
          await expect(inner).rejects.toMatchObject({ code: "22012" });
          throw new RangeError("outer");
        };
        await expect(onceIn(client, outer, { name: "outer" })).rejects.toThrow("outer");
        await insert(client, "after");
      }),
    );
    expect(await state(url)).toEqual({ ...nothing, notes: ["after"] });
  });

  it("two calls of one name are refused, in one transaction and in two", async () => {
    const { url, pool } = await program.open();
    const twice = { code: "INVALID_ARGUMENT", where: { runId: "wrun_1", step: "charge" } };
    const inOne = inStep(() =>
      transact(pool, async (client) => {
        await onceIn(client, noting(client, "a", 1));
        await onceIn(client, noting(client, "b", 2));
      }),
    );
    await expect(inOne).rejects.toMatchObject(twice);
    expect(await state(url)).toEqual(nothing);
    const nested = inStep(() => transact(pool, (client) => onceIn(client, () => onceIn(client, never))));
    await expect(nested).rejects.toMatchObject(twice);
    expect(await state(url)).toEqual(nothing);
    const inTwo = inStep(async () => {
      await transact(pool, (client) => onceIn(client, noting(client, "a", 1)));
      await transact(pool, (client) => onceIn(client, noting(client, "b", 2)));
    });
    await expect(inTwo).rejects.toMatchObject(twice);
    expect((await state(url)).notes).toEqual(["a"]);
  });

  it.each(["REPEATABLE READ", "SERIALIZABLE"])(
    "under %s what was committed after its snapshot fails the transaction, and what was before is found",
    async (level) => {
      const { url, pool } = await program.open();
      const begin = `BEGIN ISOLATION LEVEL ${level}`;
      const late = inStep(() =>
        transact(
          pool,
          async (client) => {
            await client.query("SELECT count(*) FROM ledger");
            await inStep(() => transact(pool, (other) => onceIn(other, noting(other, "a", 1)), begin));
            return onceIn(client, never);
          },
          begin,
        ),
      );
      await expect(late).rejects.toMatchObject({ code: "40001" });
      expect(await inStep(() => transact(pool, (client) => onceIn(client, never), begin))).toBe(1);
      expect((await state(url)).notes).toEqual(["a"]);
    },
  );

  it("the second start waits for the transaction of the first", async () => {
    const { url, pool } = await program.open();
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const first = inStep(() =>
      transact(pool, async (client) => {
        const result = await onceIn(client, noting(client, "a", "first"));
        entered.resolve();
        await gate.promise;
        return result;
      }),
    );
    await entered.promise;
    const second = inStep(() => transact(pool, (client) => onceIn(client, never)));
    await waitingForLock(url);
    gate.resolve();
    expect(await Promise.all([first, second])).toEqual(["first", "first"]);
  });

  it("a body that ends the transaction fails for good", async () => {
    const { url, pool } = await program.open();
    for (const end of ["COMMIT", "ROLLBACK", "COMMIT; BEGIN"]) {
      await withClient(url, (client) => client.query("TRUNCATE ledger, perdure_once"));
      const running = inStep(() =>
        transact(pool, (client) => onceIn(client, async () => void (await client.query(end)))),
      );
      await expect(running, end).rejects.toMatchObject({ code: "FATAL" });
    }
  });
});

describe("nothing is written, and the error says why, when", () => {
  it("no transaction is open", async () => {
    const { url, pool } = await program.open();
    const refused = { code: "INVALID_ARGUMENT" };
    await expect(inStep(() => onceIn(pool, never))).rejects.toMatchObject(refused);
    await withClient(url, (client) => expect(inStep(() => onceIn(client, never))).rejects.toMatchObject(refused));
    expect(await state(url)).toEqual(nothing);
  });

  it("no step is running", async () => {
    const { pool } = await program.open();
    const outside = transact(pool, (client) => onceIn(client, never));
    await expect(outside).rejects.toMatchObject({ code: "NOT_IN_STEP_CONTEXT" });
  });

  it("the table is missing, and the transaction goes on", async () => {
    const pool = program.pool(await program.databases.create());
    await inStep(() =>
      transact(pool, async (client) => {
        await expect(onceIn(client, never)).rejects.toMatchObject({ code: "STORE_NOT_MIGRATED" });
        expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
      }),
    );
  });
});
