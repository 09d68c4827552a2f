/**
 * The floor of the PostgreSQL world: one connection of `pg` to the same database, and a table of two columns, with one
 * prepared statement for each commit.
 */
import { invariant } from "@perdure/errors";
import { Client, type QueryResult } from "pg";
import { type Floor, filled, rowsPerCommit } from "./floor.ts";

const tables = `CREATE SCHEMA IF NOT EXISTS floor;
CREATE TABLE IF NOT EXISTS floor.rows (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, bytes bytea NOT NULL)`;

const insert = "INSERT INTO floor.rows (bytes) VALUES ($1)";

/** Rows of one length, from their bytes in a row. */
const insertGroup = `INSERT INTO floor.rows (bytes)
SELECT substring($1::bytea FROM i * $3 + 1 FOR $3) FROM generate_series(0, $2::integer - 1) AS i`;

export class PostgresFloor implements Floor {
  readonly #client: Client;
  /** What the connection does at the moment: callers that do not wait for each other take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<PostgresFloor> {
    const client = new Client(url);
    await client.connect();
    await client.query(tables);
    return new PostgresFloor(client);
  }

  async commits(count: number, bytes: number): Promise<number> {
    const row = filled(bytes);
    const start = performance.now();
    for (let index = 0; index < count; index += 1) await this.#query("insert", insert, [row]);
    return performance.now() - start;
  }

  async groupedCommits(count: number, bytes: number): Promise<number> {
    const row = filled(bytes);
    const group = filled(row.length * rowsPerCommit);
    const start = performance.now();
    for (let done = 0; done < count; done += rowsPerCommit) {
      const size = Math.min(rowsPerCommit, count - done);
      const values = [group.subarray(0, size * row.length), size, row.length];
      await this.#query("insert_group", insertGroup, values);
    }
    return performance.now() - start;
  }

  async read(count: number, bytes: number): Promise<number> {
    await this.#client.query("TRUNCATE floor.rows");
    await this.groupedCommits(count, bytes);
    const start = performance.now();
    const { rows } = await this.#query("read", "SELECT id, bytes FROM floor.rows ORDER BY id", []);
    const ms = performance.now() - start;
    invariant(rows.length === count, `The floor read ${rows.length} rows of ${count}.`);
    return ms;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  #query(name: string, text: string, values: unknown[]): Promise<QueryResult> {
    const answer = this.#turn.then(() => this.#client.query({ name, text, values }));
    this.#turn = answer;
    return answer;
  }
}
