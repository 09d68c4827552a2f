/** Runs that are created inside of a transaction of the program's own, through the clients that programs use. */
import type { TransactionClient, World } from "@perdure/world";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { CompiledQuery, Kysely, PostgresDialect } from "kysely";
import { Client, Pool } from "pg";
import { afterEach, describe, expect, it } from "vitest";
import { creation, id, worker } from "./request-values.ts";
import { withClient } from "./server.ts";
import { failure, type OpenedWorld, Worlds } from "./worlds.ts";

const worlds = new Worlds();
const clients: Client[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
});

interface Program extends OpenedWorld {
  readonly url: string;
  /** A connection of the program's own. */
  readonly client: Client;
}

let database: Promise<string> | null = null;
let namespaces = 0;

/** A world of its own namespace, and a program with an empty table in the same database: one for all tests, unless given. */
async function openProgram(given?: string): Promise<Program> {
  database ??= worlds.databases.create();
  const url = given ?? (await database);
  const opened = await worlds.open({ url, namespace: `test-${++namespaces}` });
  const client = await connect(url);
  await client.query("DROP TABLE IF EXISTS orders; CREATE TABLE orders (id integer PRIMARY KEY)");
  return { ...opened, url, client };
}

async function connect(url: string): Promise<Client> {
  const client = new Client(url);
  await client.connect();
  clients.push(client);
  return client;
}

const create = (world: World, tx: TransactionClient, n: number, key: string | null = null) => {
  const { transactions } = world;
  if (transactions === undefined) return expect.fail("the world takes part in transactions");
  return transactions.create(tx, creation(n, { key }));
};

const claimed = async (world: World): Promise<readonly string[]> => {
  await world.claims.heartbeat(worker);
  const { runs } = await world.claims.claim({ worker, max: 10 });
  return runs.map(({ run }) => run.runId);
};

const orders = (url: string) =>
  withClient(url, async (client) => (await client.query<{ readonly id: number }>("SELECT id FROM orders")).rows);

describe.each(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])(
  "in a transaction that is %s, a creation",
  (level) => {
    it("is seen by nobody before the commit, and by everybody after it", async () => {
      const { world, url, client } = await openProgram();
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      await client.query("INSERT INTO orders VALUES (1)");
      expect(await create(world, client, 1, "order-1")).toEqual({ kind: "created", runId: id("wrun", 1) });
      expect(await world.runs.get(id("wrun", 1))).toBeNull();
      expect(await world.log.read(id("wrun", 1), { after: 0, limit: 10 })).toEqual([]);
      expect(await claimed(world)).toEqual([]);
      await client.query("INSERT INTO orders VALUES (2)");
      await client.query("COMMIT");
      expect(await orders(url)).toHaveLength(2);
      expect(await claimed(world)).toEqual([id("wrun", 1)]);
    });

    it("is what a client's creation is", async () => {
      const { world, client } = await openProgram();
      const strange = { key: "key \0 \ud800 \\ 'ü", workflowName: 'quo"te' };
      await world.runs.create(creation(1, { ...strange, key: `${strange.key} 1` }));
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      const { eager: _, ...request } = creation(2, { ...strange, key: `${strange.key} 2` });
      await world.transactions?.create(client, request);
      await client.query("COMMIT");
      const [first, second] = await Promise.all(
        [1, 2].map(async (n) => ({
          run: await world.runs.get(id("wrun", n)),
          log: await world.log.read(id("wrun", n), { after: 0, limit: 10 }),
        })),
      );
      const moments = { wakeAt: 0, createdAt: 0, lastAt: 0, key: "", runId: "", rootRunId: "" };
      expect({ ...second?.run, ...moments }).toEqual({ ...first?.run, ...moments });
      const [a, b] = [first?.log[0], second?.log[0]];
      const ids = { key: "", rootRunId: "" };
      expect({ ...b, at: 0, committedAt: 0, data: { ...b?.data, ...ids } }).toEqual({
        ...a,
        at: 0,
        committedAt: 0,
        data: { ...a?.data, ...ids },
      });
      expect(second?.run?.key).toBe(`${strange.key} 2`);
      expect(second?.log).toHaveLength(1);
    });

    it("leaves nothing when it is rolled back, neither run nor key", async () => {
      const { world, client } = await openProgram();
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      await create(world, client, 1, "order-1");
      await client.query("ROLLBACK");
      expect(await world.runs.get(id("wrun", 1))).toBeNull();
      const again = await world.runs.create(creation(2, { key: "order-1" }));
      expect(again).toMatchObject({ kind: "created", run: { runId: id("wrun", 2) } });
    });

    it("answers with the run that holds the key, and the transaction goes on", async () => {
      const { world, url, client } = await openProgram();
      await world.runs.create(creation(1, { key: "order-1" }));
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      const existing = { kind: "existing", runId: id("wrun", 1) };
      expect(await create(world, client, 2, "order-1")).toEqual(existing);
      expect(await create(world, client, 3, "order-3")).toEqual({ kind: "created", runId: id("wrun", 3) });
      expect(await create(world, client, 4, "order-3")).toEqual({ kind: "existing", runId: id("wrun", 3) });
      expect(await create(world, client, 3, "order-3")).toEqual({ kind: "created", runId: id("wrun", 3) });
      await client.query("INSERT INTO orders VALUES (1)");
      await client.query("COMMIT");
      expect(await orders(url)).toHaveLength(1);
      expect((await world.runs.list({ limit: 10 })).items.map(({ runId }) => runId).toSorted()).toEqual([
        id("wrun", 1),
        id("wrun", 3),
      ]);
    });

    it("wakes another process at the commit", async () => {
      const { world, url, client } = await openProgram();
      const { world: other } = await worlds.open({ url, pollMs: 60_000, namespace: `test-${namespaces}` });
      const hints: (string | null)[] = [];
      const heard = Promise.withResolvers<void>();
      other.wake?.listen(({ runId }) => {
        hints.push(runId);
        if (runId === id("wrun", 1)) heard.resolve();
      });
      await untilListening(client);
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      await create(world, client, 1);
      expect(hints).not.toContain(id("wrun", 1));
      await client.query("COMMIT");
      await heard.promise;
    });
  },
);

/** Until the listening connection of a world has sent its LISTEN, and the server has carried it out. */
async function untilListening(client: Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query("SELECT 1 FROM pg_stat_activity WHERE state = 'idle' AND query LIKE 'LISTEN%'");
    if (rows.length > 0) return;
  }
}

describe("two transactions that create under one key", () => {
  it("take turns: the second one gets the run of the first, or the key when that is rolled back", async () => {
    for (const [round, end] of ["COMMIT", "ROLLBACK"].entries()) {
      const { world, url, client } = await openProgram();
      const second = await connect(url);
      await client.query("BEGIN");
      await second.query("BEGIN");
      await create(world, client, 1, "order-1");
      const waiting = create(world, second, 2, "order-1");
      await client.query(end);
      const expected =
        round === 0 ? { kind: "existing", runId: id("wrun", 1) } : { kind: "created", runId: id("wrun", 2) };
      expect(await waiting).toEqual(expected);
      await second.query("COMMIT");
      expect((await world.runs.list({ limit: 10 })).items).toHaveLength(1);
    }
  });

  it.each(["REPEATABLE READ", "SERIALIZABLE"])(
    "and the second is %s: it fails as such a transaction does",
    async (level) => {
      const { world, client } = await openProgram();
      await client.query(`BEGIN ISOLATION LEVEL ${level}`);
      await client.query("SELECT * FROM orders");
      await world.runs.create(creation(1, { key: "order-1" }));
      await expect(create(world, client, 2, "order-1")).rejects.toMatchObject({ code: "40001" });
      await client.query("ROLLBACK");
    },
  );
});

describe("a creation through", () => {
  it("a client of a pool", async () => {
    const { world, url } = await openProgram();
    const pool = new Pool({ connectionString: url });
    const client = await pool.connect();
    await client.query("BEGIN");
    await create(world, client, 1);
    await client.query("COMMIT");
    client.release();
    await pool.end();
    expect(await claimed(world)).toEqual([id("wrun", 1)]);
  });

  it("a client that makes other values of numbers and bytes", async () => {
    const { world, url } = await openProgram();
    const types = { getTypeParser: () => (text: string) => `parsed: ${text}` };
    await withClient(url, async (plain) => {
      const odd: TransactionClient = { query: (text) => plain.query({ text, types: oddNumbers(types) }) };
      await plain.query("BEGIN");
      await create(world, odd, 1, "order-1");
      await plain.query("COMMIT");
    });
    expect(await claimed(world)).toEqual([id("wrun", 1)]);
  });

  it("Drizzle, which commits and rolls back both", async () => {
    const { world, url, client } = await openProgram();
    const db = drizzle(client);
    const place = (n: number, fail: boolean) =>
      db.transaction(async (tx) => {
        await tx.execute(sql`INSERT INTO orders VALUES (${n})`);
        await create(world, { query: (text) => tx.execute(sql.raw(text)) }, n, `order-${n}`);
        if (fail) throw new RangeError("no");
      });
    await place(1, false);
    await expect(place(2, true)).rejects.toThrow("no");
    expect(await orders(url)).toEqual([{ id: 1 }]);
    expect(await claimed(world)).toEqual([id("wrun", 1)]);
  });

  it("Kysely, which commits and rolls back both", async () => {
    const { world, url } = await openProgram();
    const pool = new Pool({ connectionString: url });
    const db = new Kysely<{ orders: { id: number } }>({ dialect: new PostgresDialect({ pool }) });
    const place = (n: number, fail: boolean) =>
      db.transaction().execute(async (trx) => {
        await trx.insertInto("orders").values({ id: n }).execute();
        await create(world, { query: (text) => trx.executeQuery(CompiledQuery.raw(text)) }, n, `order-${n}`);
        if (fail) throw new RangeError("no");
      });
    await place(1, false);
    await expect(place(2, true)).rejects.toThrow("no");
    await db.destroy();
    expect(await orders(url)).toEqual([{ id: 1 }]);
    expect(await claimed(world)).toEqual([id("wrun", 1)]);
  });

  it("what has the shape of Prisma's interactive transactions: rows as an array, and no column without a type", async () => {
    const { world, client } = await openProgram();
    const prisma = {
      async $queryRawUnsafe<T = unknown>(text: string, ...values: unknown[]): Promise<T> {
        const { rows, fields } = await client.query(text, values);
        // Prisma cannot read columns of type void.
        expect(fields.map(({ dataTypeID }) => dataTypeID)).not.toContain(2278);
        return rows as T;
      },
    };
    await client.query("BEGIN");
    await create(
      world,
      { query: async (text) => ({ rows: await prisma.$queryRawUnsafe<unknown[]>(text) }) },
      1,
      "order-1",
    );
    await client.query("COMMIT");
    expect(await claimed(world)).toEqual([id("wrun", 1)]);
  });
});

/** Everything but texts arrives in another form than `pg` gives it. */
const oddNumbers = (odd: { getTypeParser: () => (text: string) => string }) => ({
  getTypeParser: (oid: number) => (oid === 25 ? (text: string) => text : odd.getTypeParser()),
});

describe("a creation is refused", () => {
  it("in a transaction of another database, which could never commit as one with the world's", async () => {
    const { world } = await openProgram();
    const { client: foreign } = await openProgram(await worlds.databases.create());
    await foreign.query("BEGIN");
    expect(await failure(create(world, foreign, 1))).toMatchObject({ code: "STORE_UNSUPPORTED", outcome: "none" });
    await foreign.query("SELECT 1");
    await foreign.query("ROLLBACK");
  });

  it("by a closed world", async () => {
    const { world, client } = await openProgram();
    await world.close();
    expect(await failure(create(world, client, 1))).toMatchObject({ code: "STORE_CLOSED" });
  });

  it("with the error of the transaction that has failed before", async () => {
    const { world, client } = await openProgram();
    await client.query("BEGIN");
    await expect(client.query("SELECT 1 / 0")).rejects.toMatchObject({ code: "22012" });
    await expect(create(world, client, 1)).rejects.toMatchObject({ code: "25P02" });
    await client.query("ROLLBACK");
  });
});

it("payloads of the caller are taken as they are at the call", async () => {
  const { world, client } = await openProgram();
  const request = creation(1);
  const input = Uint8Array.from(request.input);
  await client.query("BEGIN");
  const creating = world.transactions?.create(client, { ...request, input });
  input.fill(0);
  await creating;
  await client.query("COMMIT");
  const [created] = await world.log.read(id("wrun", 1), { after: 0, limit: 1 });
  expect(created?.payload).toEqual(request.input);
});
