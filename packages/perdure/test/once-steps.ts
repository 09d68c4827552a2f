/** Starts of steps without a run around them, and a database of the program's own to which their bodies write. */
import { executeStep, registerStep, stepContext, workflowInput } from "@perdure/core/simulation";
import { TestDatabases, withClient } from "@perdure/world-postgres/testing/databases";
import type { OnceConnection, OncePool } from "perdure/once";
import { createOnceTable } from "perdure/once";
import { Pool, type PoolClient } from "pg";
import { afterEach } from "vitest";

/** Which start of a step it is. What is left out is the same for all. */
export interface Start {
  readonly runId?: string;
  readonly stepId?: string;
  readonly inputDigest?: string;
}

let starts = 0;

/** Runs a body as a worker would that starts the step, and answers with what came of the body. */
export async function inStep<T>(body: () => Promise<T>, start: Start = {}): Promise<T> {
  const { runId = "wrun_1", stepId = "step_1", inputDigest = "1:input" } = start;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  starts += 1;
  const id = `once#charge${starts}`;
  registerStep(id, () => body().then(resolve, reject), { name: "charge", file: "once.ts", line: 1, shape: null });
  const data = { stepId: id, name: "charge", ordinal: 1, inputDigest, shape: null, dispatch: "inline", attempt: 1 };
  const event = { type: "step_created", position: 3, correlationId: stepId, at: 0, committedAt: 0, cause: 2 } as const;
  const payload = workflowInput([], "order").bytes;
  const created = {
    ...event,
    epoch: 1,
    key: null,
    data: { ...data, dispatch: "inline", attempt: 1 },
    payload,
  } as const;
  const task = { created, correlationId: stepId, attempt: 1, delivery: 1, workflow: { name: "order", startedAt: 0 } };
  const { signal } = new AbortController();
  const scope = { runId, task, signal: () => signal, now: 0 };
  await executeStep(task, stepContext(scope), { now: () => 0, random: () => 0 });
  return promise;
}

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

type Watch = (count: number, text: string, client: PoolClient) => Promise<void>;

/** A pool whose connections call back before each statement, and wait for the answer. */
export function watched(pool: Pool, before: Watch): OncePool {
  return {
    async connect() {
      const client = await pool.connect();
      let count = 0;
      const query: OnceConnection["query"] = async (statement, values) => {
        count += 1;
        await before(count, textOf(statement), client);
        return client.query(statement, values);
      };
      return {
        query,
        release: (destroy) => client.release(destroy),
        on: (event, listener) => client.on(event, listener),
        off: (event, listener) => client.off(event, listener),
      };
    },
  };
}

const textOf = (statement: unknown): string =>
  typeof statement === "string" ? statement : (statement as { readonly text: string }).text;

/** Until somebody waits for the lock of a row. */
export async function waitingForLock(url: string): Promise<void> {
  const waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
  await withClient(url, async (client) => {
    while ((await client.query(waiting)).rows.length === 0);
  });
}
