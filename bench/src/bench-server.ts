/**
 * The PostgreSQL server of a suite: default settings, `fsync` and `synchronous_commit` on, on this machine, with a new
 * database for each scenario.
 */
import { chmodSync } from "node:fs";
import { startServer, type TestServer, withClient } from "@perdure/world-postgres/testing";
import type { DatabaseOrder } from "./scenario.ts";

/** Owner: all. Others may pass through: the server runs as another user when this process is root's. */
const passable = 0o711;

export class BenchServer {
  readonly #server: TestServer;
  #databases = 0;

  private constructor(server: TestServer) {
    this.#server = server;
  }

  /** Starts a server with its data in a directory, which the caller removes. */
  static async start(directory: string): Promise<BenchServer> {
    chmodSync(directory, passable);
    return new BenchServer(await startServer("", { dataFolder: directory, tcp: true }));
  }

  /** Does something with a new database. What was written before is in the tables' files when it begins. */
  async withDatabase<T>(use: (database: DatabaseOrder) => Promise<T>): Promise<T> {
    this.#databases += 1;
    const name = `bench_${this.#databases}`;
    await this.#statements(`CREATE DATABASE ${name}`, "CHECKPOINT");
    try {
      return await use({ url: this.#server.url(name), tcpUrl: this.#server.url(name, { over: "tcp" }) });
    } finally {
      await this.#statements(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  }

  async stop(): Promise<void> {
    await this.#server.stop([], []);
  }

  async #statements(...texts: readonly string[]): Promise<void> {
    await withClient(this.#server.url("postgres"), async (client) => {
      for (const text of texts) await client.query(text);
    });
  }
}
