/**
 * A PostgreSQL server for the tests of one file, with `fsync` on, and databases in it.
 *
 * `PERDURE_TEST_POSTGRES_URL` names a server that runs already, and a user that may create databases. Otherwise one is
 * started.
 */
import { Client } from "pg";
import { afterAll } from "vitest";
import { type Access, type PostgresServer, startServer } from "./postgres-server.ts";

interface TestServer extends Omit<PostgresServer, "stop"> {
  /** Leaves nothing behind of these databases and users. */
  stop(databases: readonly string[], users: readonly string[]): Promise<void>;
}

function runningServer(base: string): TestServer {
  return {
    url(database, access = {}) {
      const url = new URL(base);
      url.pathname = `/${database}`;
      if (access.user !== undefined) url.username = access.user;
      if (access.password !== undefined) url.password = access.password;
      return url.href;
    },
    crash: async () => {
      throw new Error("A server of somebody else is left alone.");
    },
    async stop(databases, users) {
      await withClient(this.url("postgres"), async (client) => {
        for (const name of databases) await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
        for (const name of users) await client.query(`DROP ROLE IF EXISTS "${name}"`);
      });
    },
  };
}

/** The server and the databases of one test file. */
export class TestDatabases {
  readonly #server: Promise<TestServer>;
  readonly #made: string[] = [];
  readonly #users: string[] = [];

  /** With `options`, as for its command line, a server is started in any case. */
  constructor(options = "") {
    const base = options === "" ? process.env["PERDURE_TEST_POSTGRES_URL"] : undefined;
    this.#server = base === undefined ? startServer({ options }) : Promise.resolve(runningServer(base));
    // Told by the first test that needs it.
    this.#server.catch(() => {});
    afterAll(async () => {
      await (await this.#server).stop(this.#made, this.#users);
    });
  }

  /** Ends the server as a crash would, and starts it again. Only of a server that was started with options. */
  async crash(): Promise<void> {
    await (await this.#server).crash();
  }

  async url(database: string, access?: Access): Promise<string> {
    return (await this.#server).url(database, access);
  }

  /** A new and empty database; the answer is its URL. */
  async create(): Promise<string> {
    const name = `perdure_test_${process.pid}_${this.#made.length + 1}`;
    await withClient(await this.url("postgres"), (client) => client.query(`CREATE DATABASE "${name}"`));
    this.#made.push(name);
    return this.url(name);
  }

  /** A new user without any rights. */
  async createUser(): Promise<{ readonly user: string; readonly password: string }> {
    const user = `perdure_user_${process.pid}_${this.#users.length + 1}`;
    await withClient(await this.url("postgres"), (client) => client.query(`CREATE ROLE "${user}" LOGIN PASSWORD 'p'`));
    this.#users.push(user);
    return { user, password: "p" };
  }
}

/** Something done on a connection of its own. */
export async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(url);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
