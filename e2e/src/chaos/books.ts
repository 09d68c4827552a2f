/** The tables of the store, read past the engine and past the proxy. */
import { Pool } from "pg";

/** A run as its row says. */
export interface RunLine {
  readonly run_id: string;
  readonly key: string;
  readonly has_ended: boolean;
  readonly parked_reason: string | null;
  readonly tail: number;
}

export class Books {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool({ connectionString: url, max: 2, application_name: "chaos" });
    // The server is stopped now and then; who asks next gets a new connection, or an error.
    this.#pool.on("error", () => {});
  }

  async rows<R extends object>(sql: string, values: readonly unknown[] = []): Promise<readonly R[]> {
    return (await this.#pool.query<R>(sql, [...values])).rows;
  }

  runs(): Promise<readonly RunLine[]> {
    return this.rows("SELECT run_id, key, ended_at IS NOT NULL AS has_ended, parked_reason, tail FROM perdure.runs");
  }

  async openTokens(): Promise<readonly string[]> {
    const rows = await this.rows<{ readonly token_hash: string }>("SELECT token_hash FROM perdure.hook_tokens");
    return rows.map(({ token_hash: hash }) => hash);
  }

  /** Ends the connection of a client of the store, whatever it is doing. False: there is none. */
  async terminate(draw: number): Promise<boolean> {
    const rows = await this.rows<{ readonly ended: boolean }>(
      `WITH found AS (SELECT pid, row_number() OVER (ORDER BY pid) - 1 AS place, count(*) OVER () AS size
  FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'chaos')
SELECT pg_terminate_backend(pid) AS ended FROM found WHERE place = floor($1::float8 * size)`,
      [draw],
    );
    return rows[0]?.ended === true;
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}
