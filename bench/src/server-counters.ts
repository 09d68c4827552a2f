/** What a PostgreSQL server counts of one database, read over a connection to another one. */
import { Client } from "pg";

const transactions = "SELECT xact_commit + xact_rollback AS value FROM pg_stat_database WHERE datname = $1";
const logBytes = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS value";

/** A connection that is not used any more tells of its last transactions after ten seconds. */
const settleMs = 11_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class ServerCounters {
  readonly #client: Client;
  readonly #database: string;

  private constructor(client: Client, database: string) {
    this.#client = client;
    this.#database = database;
  }

  /** Counts the database of this URL. */
  static async open(url: string): Promise<ServerCounters> {
    const other = new URL(url);
    const database = other.pathname.slice(1);
    other.pathname = "/postgres";
    const client = new Client(other.href);
    await client.connect();
    return new ServerCounters(client, database);
  }

  /** Transactions so far; a statement outside of one counts as one. */
  transactions(): Promise<number> {
    return this.#number(transactions, [this.#database]);
  }

  /** Bytes of the write-ahead log so far, of all databases. */
  logBytes(): Promise<number> {
    return this.#number(logBytes, []);
  }

  /** Resolves when what was done before is counted. */
  async settled(): Promise<void> {
    await pause(settleMs);
  }

  /** Transactions a second, from now on for so many milliseconds. */
  async transactionRate(ms: number): Promise<number> {
    const before = await this.transactions();
    const start = performance.now();
    await pause(ms);
    const after = await this.transactions();
    return ((after - before) * 1_000) / (performance.now() - start);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #number(text: string, values: readonly unknown[]): Promise<number> {
    const { rows } = await this.#client.query<{ readonly value: string }>(text, [...values]);
    return Number(rows[0]?.value);
  }
}
