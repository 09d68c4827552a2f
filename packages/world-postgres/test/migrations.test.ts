/** Migrations that fail, are killed or wait for a lock, and versions that work side by side. */
import { createPostgresWorld } from "@perdure/world-postgres";
import { describe, expect, it } from "vitest";
import { Database, type Queries } from "../src/database.ts";
import {
  assertUsable,
  type LateIndex,
  type Migration,
  migrate,
  migrations,
  plannedSql,
  schemaState,
} from "../src/schema.ts";
import { creation } from "./request-values.ts";
import { withClient } from "./server.ts";
import { failure, Worlds } from "./worlds.ts";

const worlds = new Worlds();
const schema = '"perdure"';

/** A database of two connections that are closed when `use` is over. */
async function withDatabase<T>(url: string, use: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database({
    config: { connectionString: url },
    location: "the database",
    maxConnections: 2,
    prepares: true,
  });
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}

const support = (...later: readonly Migration[]) => ({ migrations: [...migrations, ...later], oldest: 1 });

const second = (sql: string, indexes: readonly LateIndex[] = [], compatibleFrom = 1): Migration => ({
  version: 2,
  compatibleFrom,
  sql,
  indexes,
});

const shapeSql = `SELECT c.relname, c.relkind::text, i.indisvalid AS valid,
  (SELECT string_agg(a.attname || ' ' || a.atttypid::regtype, ', ' ORDER BY a.attname) FROM pg_attribute a
   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = to_regnamespace($1)::oid
ORDER BY c.relname`;

/** Tables with their columns, and indexes. */
const shapeOf = (database: Database, of = schema) => database.read(shapeSql, [of]);

describe("a migration", () => {
  it("leaves nothing behind when it fails, and goes on from there", async () => {
    await withDatabase(await worlds.databases.create(), async (database) => {
      const broken = second("CREATE TABLE {schema}.half (id integer); SELECT nothing;");
      expect((await failure(migrate(database, schema, support(broken)))).code).toBe("STORE_UNSUPPORTED");
      const half = await database.read("SELECT to_regclass('perdure.half') AS half", []);
      expect(half).toEqual([{ half: null }]);
      expect(await schemaState(database, schema)).toEqual({ version: 1, begun: null, compatibleFrom: 1 });
      await migrate(database, schema, support(second("CREATE TABLE {schema}.whole (id integer);")));
      expect((await schemaState(database, schema)).version).toBe(2);
    });
  });

  it("changes nothing when it is repeated, and says what it did", async () => {
    await withDatabase(await worlds.databases.create(), async (database) => {
      const planned = plannedSql(await schemaState(database, schema), schema);
      expect(await migrate(database, schema)).toEqual(planned);
      const shape = await shapeOf(database);
      expect(await migrate(database, schema)).toEqual([]);
      expect(await shapeOf(database)).toEqual(shape);
      expect(plannedSql(await schemaState(database, schema), schema)).toEqual([]);
    });
  });

  it("can be sent by hand, from the SQL of a dry run", async () => {
    const url = await worlds.databases.create();
    const steps = support(second("SELECT 1", [{ name: "runs_late", on: "ON {schema}.runs (namespace, bundle_id)" }]));
    const planned = plannedSql({ version: 0, begun: null, compatibleFrom: 0 }, schema, steps);
    await withClient(url, async (client) => {
      for (const statement of planned) await client.query(statement);
    });
    await withDatabase(await worlds.databases.create(), async (database) => {
      expect(await migrate(database, schema, steps)).toEqual(planned);
      const made = { shape: await shapeOf(database), state: await schemaState(database, schema) };
      const byHand = await withDatabase(url, async (other) => ({
        shape: await shapeOf(other),
        state: await schemaState(other, schema),
      }));
      expect(byHand).toEqual(made);
    });
    const { world } = await worlds.open({ url, migrate: false });
    expect((await world.runs.create(creation(1))).kind).toBe("created");
  });

  it("builds an index while the table is written to, and makes one that was interrupted anew", async () => {
    const url = await worlds.databases.create();
    const { world } = await worlds.open({ url });
    const step = second("SELECT 1;", [{ name: "runs_late", on: "ON {schema}.runs (namespace, bundle_id)" }]);
    await withDatabase(url, async (database) => {
      // What a build leaves that is ended while it waits for a transaction that has written to the table.
      await withClient(url, async (writer) => {
        await writer.query("BEGIN; LOCK TABLE perdure.runs IN ROW EXCLUSIVE MODE");
        const building = failure(migrate(database, schema, support(step)));
        await blocked(url, "CREATE INDEX CONCURRENTLY");
        await withClient(url, (client) =>
          client.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'",
          ),
        );
        expect((await building).code).toBe("STORE_UNAVAILABLE");
        await writer.query("ROLLBACK");
      });
      expect(await schemaState(database, schema)).toEqual({ version: 1, begun: 2, compatibleFrom: 1 });
      // Somebody writes while the index is built.
      const writing = world.runs.create(creation(1));
      await migrate(database, schema, support(step));
      expect((await writing).kind).toBe("created");
      const shape = await shapeOf(database);
      expect(shape).toContainEqual(expect.objectContaining({ relname: "runs_late", valid: true }));
    });
  });
});

/** Resolves when a statement that begins so waits for a lock. */
async function blocked(url: string, beginning: string): Promise<void> {
  await withClient(url, async (client) => {
    const sql = `SELECT 1 FROM pg_stat_activity WHERE query LIKE '${beginning}%' AND wait_event_type = 'Lock'`;
    while ((await client.query(sql)).rows.length === 0);
  });
}

describe("a schema that another process has made", () => {
  it("is seen by a transaction that had begun before, on a connection that has seen that there was none", async () => {
    const url = await worlds.databases.create();
    await withDatabase(url, async (database) => {
      const look = (queries: Queries) => schemaState(queries, schema);
      for (let count = 0; count < 3; count += 1) expect((await database.transaction(look)).version).toBe(0);
      await database.transaction(async (queries) => {
        await withDatabase(url, (other) => migrate(other, schema));
        expect((await look(queries)).version).toBe(1);
      });
    });
  });
});

describe("a migration that is killed", () => {
  const several: readonly Migration[] = [
    { version: 1, compatibleFrom: 1, sql: "CREATE TABLE {schema}.workers (id text PRIMARY KEY, beat_at bigint);" },
    second("ALTER TABLE {schema}.workers ADD COLUMN note text; CREATE TABLE {schema}.notes (id integer PRIMARY KEY);", [
      { name: "notes_late", on: "ON {schema}.notes (id)" },
      { name: "workers_late", on: "ON {schema}.workers (beat_at)" },
    ]),
    { version: 3, compatibleFrom: 2, sql: "ALTER TABLE {schema}.notes ADD COLUMN text text;" },
  ];

  /** Everything that a migration sends, by the order in which a server without tables gets it. */
  async function migrateAndDie(url: string, name: string, survives: number): Promise<"died" | "done"> {
    const database = new Database({
      config: { connectionString: url },
      location: "the database",
      maxConnections: 2,
      prepares: true,
    });
    let sent = 0;
    /** From the moment of its death on, nothing of the process reaches the server. */
    const dying = <T>(send: () => Promise<T>): Promise<T> => {
      sent += 1;
      return sent > survives ? Promise.reject(new Killed()) : send();
    };
    const read = database.read.bind(database);
    const scripts = database.scripts.bind(database);
    const transaction = database.transaction.bind(database);
    Object.assign(database, {
      read: (...args: Parameters<typeof read>) => dying(() => read(...args)),
      scripts: async (texts: readonly string[]) => {
        for (const text of texts) await dying(() => scripts([text]));
      },
      transaction: (body: Parameters<typeof transaction>[0]) =>
        transaction((queries) =>
          body({
            read: (...args) => dying(() => queries.read(...args)),
            write: (...args) => dying(() => queries.write(...args)),
            script: (...args) => dying(() => queries.script(...args)),
          }),
        ),
    });
    try {
      await migrate(database, name, { migrations: several, oldest: 1 });
      return "done";
    } catch (error) {
      if (error instanceof Killed) return "died";
      throw error;
    } finally {
      await database.close();
    }
  }

  it("is gone on from after any statement, and makes the same schema", async () => {
    const url = await worlds.databases.create();
    await withDatabase(url, async (database) => {
      await migrate(database, schema, { migrations: several, oldest: 1 });
      const whole = await shapeOf(database);
      let deaths = 0;
      for (let survives = 0; ; survives += 1) {
        const name = `"after_${survives}"`;
        if ((await migrateAndDie(url, name, survives)) === "done") break;
        deaths += 1;
        await migrate(database, name, { migrations: several, oldest: 1 });
        expect(await shapeOf(database, name)).toEqual(whole);
      }
      expect(deaths).toBeGreaterThan(20);
    });
  });
});

class Killed extends Error {}

describe("a table that stays locked", () => {
  it("is waited for in short turns, so that others are not held up behind the migration", async () => {
    const url = await worlds.databases.create();
    await worlds.open({ url });
    await withDatabase(url, async (database) => {
      const alter = second("ALTER TABLE {schema}.workers ADD COLUMN note text;");
      await withClient(url, async (reader) => {
        await reader.query("BEGIN; SELECT 1 FROM perdure.workers");
        const migrating = migrate(database, schema, support(alter));
        await blocked(url, "ALTER TABLE");
        // It stands behind the migration, and gets through before the reader is done.
        await withClient(url, (client) => client.query("SELECT 1 FROM perdure.workers"));
        await reader.query("ROLLBACK");
        await migrating;
      });
      expect((await schemaState(database, schema)).version).toBe(2);
    });
  });
});

describe("versions side by side", () => {
  const state = (version: number, compatibleFrom: number) => ({ version, begun: null, compatibleFrom });
  const knows = (newest: number, oldest: number) => ({
    migrations: Array.from({ length: newest }, (_, index) => ({ version: index + 1, compatibleFrom: 1, sql: "" })),
    oldest,
  });

  it.each([
    ["the same version", state(2, 2), knows(2, 2), null],
    ["a newer schema that an older Perdure works with", state(3, 2), knows(2, 1), null],
    ["a newer schema that it does not work with", state(3, 3), knows(2, 1), "STORE_NEWER_VERSION"],
    ["an older schema that is good enough", state(1, 1), knows(2, 1), null],
    ["an older schema that is not", state(1, 1), knows(2, 2), "STORE_NOT_MIGRATED"],
    ["no schema", state(0, 0), knows(2, 1), "STORE_NOT_MIGRATED"],
  ])("%s", async (_, found, known, code) => {
    const call = async (): Promise<void> => assertUsable(found, "the database", known);
    if (code === null) await call();
    else expect((await failure(call())).code).toBe(code);
  });

  it("work on one database: what a compatible newer one has added is in nobody's way", async () => {
    const url = await worlds.databases.create();
    const { world: older } = await worlds.open({ url });
    await withDatabase(url, (database) =>
      migrate(database, schema, support(second("ALTER TABLE {schema}.runs ADD COLUMN note text;"))),
    );
    expect((await older.runs.create(creation(1))).kind).toBe("created");
    const { world: reopened } = await worlds.open({ url });
    expect((await reopened.runs.create(creation(2))).kind).toBe("created");
    await withDatabase(url, (database) =>
      migrate(database, schema, support(second(""), { version: 3, compatibleFrom: 3, sql: "SELECT 1;" })),
    );
    expect((await failure(createPostgresWorld({ url }))).code).toBe("STORE_NEWER_VERSION");
  });
});

describe("a world that is not to migrate", () => {
  it("says which command to run, and opens once somebody has run it", async () => {
    const url = await worlds.databases.create();
    const error = await failure(createPostgresWorld({ url, migrate: false }));
    expect([error.code, error.outcome]).toEqual(["STORE_NOT_MIGRATED", "none"]);
    expect(error.hint).toContain("perdure postgres migrate");
    await withDatabase(url, (database) => migrate(database, schema));
    const { world } = await worlds.open({ url, migrate: false });
    expect((await world.runs.create(creation(1))).kind).toBe("created");
  });
});
