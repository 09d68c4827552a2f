/** Steps that write once to a database in which their runs are not kept. */
import { Pooler, poolerMissing } from "@perdure/world-postgres/testing";
import { withClient } from "@perdure/world-postgres/testing/databases";
import { getStepMetadata, type StepTransaction } from "perdure";
import { once, onceIn, onceTableSql } from "perdure/once";
import { Client } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { nothing, ProgramDatabases, state, waitingForLock } from "./once-databases.ts";
import { inStep } from "./once-steps.ts";

const program = new ProgramDatabases();

const insert = (tx: StepTransaction, note: string) =>
  tx.query<{ readonly id: number }>("INSERT INTO ledger (note) VALUES ($1) RETURNING id", [note]);

/** A body that writes a note and returns a result. */
const noting =
  <T>(note: string, result: T) =>
  async (tx: StepTransaction): Promise<T> => {
    await insert(tx, note);
    return result;
  };

const never = async (): Promise<never> => expect.fail("the body was run again");

describe("a step that writes by once()", () => {
  it("commits its writes with its result, which every later start of it is given without running the body", async () => {
    const { url, pool } = await program.open();
    const value = {
      at: new Date(5),
      map: new Map([[1n, { negative: -0, none: undefined }]]),
      bytes: new Uint8Array([0, 255]),
      big: 2n ** 70n,
      text: "it's \\ \u{1f600}",
    };
    const first = await inStep(() => once(pool, noting("a", value)));
    expect(first).toEqual(value);
    expect(first).not.toBe(value);
    expect(await state(url)).toEqual({ notes: ["a"], names: [""], withoutResult: 0 });
    for (let n = 0; n < 3; n += 1) expect(await inStep(() => once(pool, never))).toEqual(value);
    expect(await state(url)).toEqual({ notes: ["a"], names: [""], withoutResult: 0 });
  });

  it("may return nothing", async () => {
    const { url, pool } = await program.open();
    expect(await inStep(() => once(pool, noting("a", undefined)))).toBeUndefined();
    expect(await inStep(() => once(pool, never))).toBeUndefined();
    expect((await state(url)).notes).toEqual(["a"]);
  });

  it("is undone when its body throws, and what it threw arrives as it was; the next start runs it", async () => {
    const { url, pool } = await program.open();
    const thrown = new RangeError("no");
    const failing = inStep(() =>
      once(pool, async (tx) => {
        await insert(tx, "never");
        throw thrown;
      }),
    );
    await expect(failing).rejects.toBe(thrown);
    expect(await state(url)).toEqual(nothing);
    expect(await inStep(() => once(pool, noting("b", 2)))).toBe(2);
    expect(await state(url)).toMatchObject({ notes: ["b"] });
  });

  it("does not share its row with other steps, other runs and other names", async () => {
    const { url, pool } = await program.open();
    const write = (note: string, name?: string) => () =>
      once(pool, noting(note, note), name === undefined ? {} : { name });
    expect(await inStep(write("a"))).toBe("a");
    expect(await inStep(write("b"), { stepId: "step_2" })).toBe("b");
    expect(await inStep(write("c"), { runId: "wrun_2" })).toBe("c");
    expect(await inStep(write("d", "d's \\"))).toBe("d");
    expect(await inStep(write("e", "d's \\"))).toBe("d");
    expect((await state(url)).notes).toEqual(["a", "b", "c", "d"]);
  });

  it("gives rows as `pg` gives them, and takes statements as `pg` takes them", async () => {
    const { pool } = await program.open();
    await inStep(() =>
      once(pool, async (tx) => {
        const text = "SELECT 5::bigint AS big, '\\x01'::bytea AS bytes, $1::int AS n";
        for (const { rows } of [await tx.query(text, [3]), await tx.query({ text, values: [3] })]) {
          expect(rows).toEqual([{ big: "5", bytes: Buffer.from([1]), n: 3 }]);
        }
        expect((await tx.query("SELECT 1 WHERE false")).rowCount).toBe(0);
      }),
    );
  });

  it("knows that it runs in its step", async () => {
    const { pool } = await program.open();
    expect(await inStep(() => once(pool, async () => getStepMetadata().stepId))).toBe("step_1");
  });

  it("uses a table of another name and schema", async () => {
    const { url, pool } = await program.open();
    const table = "Billing.perdure_writes$1";
    await withClient(url, async (client) => {
      await client.query(`CREATE SCHEMA billing; ${onceTableSql({ table })}`);
      await client.query(onceTableSql({ table }));
    });
    const write = () => once(pool, noting("a", 1), { table });
    expect([await inStep(write), await inStep(write)]).toEqual([1, 1]);
    expect(await state(url)).toEqual({ ...nothing, notes: ["a"] });
  });

  it("needs no more rights than to read, insert and update", async () => {
    const { url } = await program.open();
    const access = await program.databases.createUser();
    const grants = `GRANT SELECT, INSERT, UPDATE ON perdure_once TO ${access.user}`;
    await withClient(url, (client) => client.query(grants));
    const database = new URL(url).pathname.slice(1);
    const pool = program.pool(await program.databases.url(database, access));
    const write = () => once(pool, async () => 1);
    expect([await inStep(write), await inStep(write)]).toEqual([1, 1]);
  });
});

describe("of two starts at once", () => {
  it("the second waits for the first, and is given its result", async () => {
    const { url, pool } = await program.open();
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const first = inStep(() =>
      once(pool, async (tx) => {
        entered.resolve();
        await gate.promise;
        await insert(tx, "first");
        return "first";
      }),
    );
    await entered.promise;
    const second = inStep(() => once(pool, never));
    await waitingForLock(url);
    gate.resolve();
    expect(await Promise.all([first, second])).toEqual(["first", "first"]);
    expect((await state(url)).notes).toEqual(["first"]);
  });

  it("the second runs the body if the first has failed", async () => {
    const { url, pool } = await program.open();
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const first = inStep(() =>
      once(pool, async (tx) => {
        await insert(tx, "first");
        entered.resolve();
        await gate.promise;
        throw new RangeError("no");
      }),
    );
    first.catch(() => {});
    await entered.promise;
    const second = inStep(() => once(pool, noting("second", "second")));
    await waitingForLock(url);
    gate.resolve();
    await expect(first).rejects.toThrow("no");
    expect(await second).toBe("second");
    expect((await state(url)).notes).toEqual(["second"]);
  });

  it("one of many runs its body, and all have its result", async () => {
    const { url, pool } = await program.open();
    const write = (n: number) => inStep(() => once(pool, noting(`start ${n}`, n)));
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => write(n)));
    const { notes } = await state(url);
    expect(notes).toEqual([`start ${results[0]}`]);
    expect(new Set(results).size).toBe(1);
  });

  it("the second fails under REPEATABLE READ and SERIALIZABLE, with the server's error, and the next is given the result", async () => {
    for (const isolationLevel of ["repeatable read", "serializable"] as const) {
      const { url, pool } = await program.open();
      const entered = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      const body = async (tx: StepTransaction) => {
        expect((await tx.query("SHOW transaction_isolation")).rows).toEqual([
          { transaction_isolation: isolationLevel },
        ]);
        entered.resolve();
        await gate.promise;
        await insert(tx, "first");
        return "first";
      };
      const first = inStep(() => once(pool, body, { isolationLevel }));
      await entered.promise;
      const second = inStep(() => once(pool, never, { isolationLevel }));
      second.catch(() => {});
      await waitingForLock(url);
      gate.resolve();
      expect(await first).toBe("first");
      await expect(second).rejects.toMatchObject({ code: "40001" });
      expect(await inStep(() => once(pool, never, { isolationLevel }))).toBe("first");
      expect((await state(url)).notes).toEqual(["first"]);
    }
  });
});

describe("several calls in one step", () => {
  it("have names, by which an attempt finds its results in whichever order it asks", async () => {
    const { url, pool } = await program.open();
    const write = (name: string) => once(pool, noting(name, name), { name });
    const failing = inStep(async () => {
      await write("a");
      throw new RangeError("between");
    });
    await expect(failing).rejects.toThrow("between");
    expect(await inStep(async () => [await write("b"), await write("a")])).toEqual(["b", "a"]);
    expect(await state(url)).toEqual({ notes: ["a", "b"], names: ["a", "b"], withoutResult: 0 });
  });

  it("are refused when two have one name, at once or one after the other, also in a later start", async () => {
    const { url, pool } = await program.open();
    const write = (note: string) => once(pool, noting(note, undefined));
    const twice = { code: "INVALID_ARGUMENT", where: { runId: "wrun_1", step: "charge" } };
    for (let n = 0; n < 2; n += 1) {
      const inTurn = inStep(async () => {
        await write("a");
        await write("b");
      });
      await expect(inTurn).rejects.toMatchObject(twice);
      expect((await state(url)).notes).toEqual(["a"]);
    }
    const [first, second] = await inStep(() => Promise.allSettled([write("c"), write("d")]));
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({ status: "rejected", reason: twice });
    expect((await state(url)).notes).toEqual(["a"]);
  });

  it("may repeat one that has failed", async () => {
    const { url, pool } = await program.open();
    const result = await inStep(async () => {
      const failing = once(pool, async (tx) => {
        await insert(tx, "never");
        throw new RangeError("no");
      });
      await expect(failing).rejects.toThrow("no");
      return once(pool, noting("a", 1));
    });
    expect(result).toBe(1);
    expect((await state(url)).notes).toEqual(["a"]);
  });
});

describe("nothing is written, and the error says why, when", () => {
  it("no step is running", async () => {
    const { pool } = await program.open();
    await expect(once(pool, never)).rejects.toMatchObject({
      code: "NOT_IN_STEP_CONTEXT",
      message: 'once() works only inside a "use step" function that a run is executing.',
    });
  });

  it("the table is missing: the hint has the SQL that makes it", async () => {
    const url = await program.databases.create();
    const pool = program.pool(url);
    const missing = inStep(() => once(pool, never));
    await expect(missing).rejects.toMatchObject({ code: "STORE_NOT_MIGRATED" });
    await expect(missing).rejects.toHaveProperty("hint", expect.stringContaining(onceTableSql()));
    await withClient(url, (client) => client.query(onceTableSql()));
    expect(await inStep(() => once(pool, async () => 1))).toBe(1);
  });

  it("a single client is passed", async () => {
    const { url } = await program.open();
    const client = new Client(url);
    // @ts-expect-error -- that a single client is no pool is known to the compiler too
    const calling = inStep(() => once(client, never));
    await expect(calling).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await client.end();
  });

  it("an option is none that there is", async () => {
    const { pool } = await program.open();
    const refused = { code: "INVALID_ARGUMENT" };
    for (const isolationLevel of ["COMMIT; DROP TABLE ledger", "toString"]) {
      const level = { isolationLevel } as never;
      await expect(inStep(() => once(pool, never, level))).rejects.toMatchObject(refused);
    }
    for (const table of ["", "a.b.c", 'x"y', "a b", "a".repeat(48)]) {
      await expect(inStep(() => once(pool, never, { table }))).rejects.toMatchObject(refused);
    }
    for (const name of ["a\0b", "\ud800", "a".repeat(201)]) {
      await expect(inStep(() => once(pool, never, { name }))).rejects.toMatchObject(refused);
    }
  });

  it("the result cannot be stored, or is too large", async () => {
    const { url, pool } = await program.open();
    for (const result of [() => 1, "x".repeat(1024 * 1024), new Uint8Array(1024 * 1024)]) {
      const running = inStep(() => once(pool, noting("never", result)));
      await expect(running).rejects.toMatchObject({ code: "SERIALIZATION_FAILED" });
    }
    expect(await state(url)).toEqual(nothing);
    const large = "x".repeat(1024 * 1024 - 100);
    expect(await inStep(() => once(pool, async () => large))).toBe(large);
    expect(await inStep(() => once(pool, never))).toBe(large);
  });

  it("a statement has failed and the body did not care", async () => {
    const { url, pool } = await program.open();
    const running = inStep(() =>
      once(pool, async (tx) => {
        await insert(tx, "never");
        await tx.query("SELECT 1 / 0").catch(() => {});
      }),
    );
    await expect(running).rejects.toMatchObject({ code: "25P02" });
    expect(await state(url)).toEqual(nothing);
  });

  it("a constraint that was deferred does not hold", async () => {
    const { url, pool } = await program.open();
    const running = inStep(() =>
      once(pool, async (tx) => {
        await insert(tx, "twice");
        await insert(tx, "twice");
      }),
    );
    await expect(running).rejects.toMatchObject({ code: "23505" });
    expect(await state(url)).toEqual(nothing);
  });

  it("the row is of other arguments: the runs were put back, and went another way", async () => {
    const { url, pool } = await program.open();
    await inStep(() => once(pool, noting("a", undefined)));
    const other = inStep(() => once(pool, never), { inputDigest: "1:other" });
    await expect(other).rejects.toMatchObject({ code: "FATAL", where: { runId: "wrun_1", step: "charge" } });
    expect((await state(url)).notes).toEqual(["a"]);
  });

  it("something keeps rows out of the table", async () => {
    const url = await program.create();
    const pool = program.pool(url);
    await withClient(url, (client) =>
      client.query(`CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_out BEFORE INSERT ON perdure_once FOR EACH ROW EXECUTE FUNCTION keep_out()`),
    );
    await expect(inStep(() => once(pool, never))).rejects.toMatchObject({ code: "STORE_UNSUPPORTED" });
  });
});

describe("a body", () => {
  it("that ends its transaction itself fails for good, and is not run again if that has committed", async () => {
    for (const end of ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK; BEGIN"]) {
      const { url, pool } = await program.open(1);
      const running = inStep(() =>
        once(pool, async (tx) => {
          await insert(tx, "a");
          await tx.query(end);
        }),
      );
      await expect(running, end).rejects.toMatchObject({ code: "FATAL" });
      const isCommitted = end.startsWith("COMMIT");
      expect(await state(url), end).toEqual(isCommitted ? { ...nothing, notes: ["a"], withoutResult: 1 } : nothing);
      if (isCommitted)
        await expect(
          inStep(() => once(pool, never)),
          end,
        ).rejects.toMatchObject({ code: "FATAL" });
      else expect(await inStep(() => once(pool, async () => 1)), end).toBe(1);
    }
  });

  it("may use savepoints", async () => {
    const { url, pool } = await program.open();
    const write = () =>
      once(pool, async (tx) => {
        await tx.query("SAVEPOINT mine");
        await insert(tx, "never");
        await tx.query("ROLLBACK TO mine");
        await insert(tx, "a");
        return 1;
      });
    expect([await inStep(write), await inStep(write)]).toEqual([1, 1]);
    expect((await state(url)).notes).toEqual(["a"]);
  });

  it("cannot use its transaction after it has ended", async () => {
    const { url, pool } = await program.open(1);
    let kept: StepTransaction | null = null;
    await inStep(() =>
      once(pool, async (tx) => {
        kept = tx;
      }),
    );
    const late: StepTransaction = kept ?? expect.fail("the body ran");
    await expect(insert(late, "late")).rejects.toMatchObject({ code: "FATAL" });
    expect((await state(url)).notes).toEqual([]);
  });
});

// Not everybody has PgBouncer, and it is in no package of npm.
const suffix = poolerMissing === null ? "" : ` (skipped: ${poolerMissing})`;

it.skipIf(poolerMissing !== null)(
  `a pooler that gives a session to each transaction changes nothing${suffix}`,
  async () => {
    const { url } = await program.open();
    const pooler = await Pooler.before(url);
    onTestFinished(() => pooler.stop());
    const pool = program.pool(pooler.url(url), 12);
    const starts = Array.from({ length: 12 }, (_, n) => inStep(() => once(pool, noting(`start ${n}`, n))));
    const results = await Promise.all(starts);
    expect(new Set(results).size).toBe(1);
    expect((await state(url)).notes).toEqual([`start ${results[0]}`]);
    const ended = inStep(() => once(pool, async (tx) => void (await tx.query("COMMIT; BEGIN"))), { stepId: "step_2" });
    await expect(ended).rejects.toMatchObject({ code: "FATAL" });
    const outside = inStep(() => onceIn(pool, never), { stepId: "step_3" });
    await expect(outside).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  },
);
