/** A database of the program's own, to which its steps write. */
import { TestDatabases, withClient } from "@perdure/world-postgres/testing/databases";
import { createOnceTable } from "perdure/once";
import { Pool } from "pg";
import { afterEach } from "vitest";

const tables = "CREATE TABLE ledger (id serial PRIMARY KEY, note text UNIQUE DEFERRABLE INITIALLY DEFERRED)";

/** The program's databases of one test file, with pools that are closed when their test ends. */
export class ProgramDatabases {
  readonly databases = new TestDatabases();
  readonly #pools: Pool[] = [];
  #shared: Promise<string> | null = null;

  constructor() {
    afterEach(async () => {
      for (const pool of this.#pools.splice(0)) await pool.end();
    });
  }

  /** A new database with the tables of the program, and the one that remembers. */
  async create(): Promise<string> {
    const url = await this.databases.create();
    await withClient(url, async (client) => {
      await client.query(tables);
      await createOnceTable(client);
    });
    return url;
  }

  pool(url: string, most = 5): Pool {
    const pool = new Pool({ connectionString: url, max: most });
    pool.on("error", () => {});
    this.#pools.push(pool);
    return pool;
  }

  /** The database that the tests of the file share, with its tables emptied. */
  async open(most?: number): Promise<{ readonly url: string; readonly pool: Pool }> {
    this.#shared ??= this.create();
    const url = await this.#shared;
    await withClient(url, (client) => client.query("TRUNCATE ledger, perdure_once"));
    return { url, pool: this.pool(url, most) };
  }
}

/** What the program's tables hold, and how many rows remember a result. */
export function state(url: string) {
  return withClient(url, async (client) => {
    const ledger = await client.query<{ readonly note: string }>("SELECT note FROM ledger ORDER BY id");
    const rows = await client.query<{ readonly name: string }>(
      "SELECT name FROM perdure_once WHERE result IS NOT NULL ORDER BY name",
    );
    const open = await client.query("SELECT 1 FROM perdure_once WHERE result IS NULL");
    return {
      notes: ledger.rows.map(({ note }) => note),
      names: rows.rows.map(({ name }) => name),
      withoutResult: open.rows.length,
    };
  });
}

export const nothing = { notes: [], names: [], withoutResult: 0 };

/** Until somebody waits for the lock of a row. */
export async function waitingForLock(url: string): Promise<void> {
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await withClient(url, async (client) => {
    while ((await client.query(waiting)).rows.length === 0);
  });
}
