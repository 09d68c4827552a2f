/** A server for the tests of one file, and databases in it. */
import { afterAll } from "vitest";
import { type Access, runningServer, startServer, type TestServer, withClient } from "./server-process.ts";

export { withClient } from "./server-process.ts";

/** The server and the databases of one test file. */
export class TestDatabases {
  readonly #server: Promise<TestServer>;
  readonly #made: string[] = [];
  readonly #users: string[] = [];

  /** With `options`, as for its command line, a server is started in any case. */
  constructor(options = "") {
    const base = options === "" ? process.env["PERDURE_TEST_POSTGRES_URL"] : undefined;
    this.#server = base === undefined ? startServer(options) : Promise.resolve(runningServer(base));
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
    this.#made.push(name);
    await withClient(await this.url("postgres"), (client) => client.query(`CREATE DATABASE "${name}"`));
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
