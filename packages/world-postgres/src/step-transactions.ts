/**
 * The connections on which bodies of steps run their transactions: apart from those of the store's own calls, so that a
 * body that takes its time keeps no append and no heartbeat waiting.
 */
import { FatalError } from "@perdure/errors";
import type { StatementConfig, StatementResult, StepTransaction } from "@perdure/world";
import { type ClientConfig, Pool, type PoolClient, type QueryConfig } from "pg";
import { type Queries, typeParsers } from "./database.ts";
import { endsConnection, toStoreError } from "./store-errors.ts";

/** A setting that holds until the end of the transaction, whoever ends it. */
const begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL perdure.transaction = 'open'";

/** What is deferred to the commit is checked now, and the lock of a run is waited for as long as any statement may take. */
const close = `SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL lock_timeout = 0;
SELECT current_setting('perdure.transaction', true) AS state`;

export class StepTransactions {
  readonly #pool: Pool;
  readonly #location: string;

  constructor(config: ClientConfig, location: string, most: number) {
    const { connectionTimeoutMillis: _, ...rest } = config;
    this.#location = location;
    // Without a timeout for connecting: the pool would hold it against bodies that wait for a connection to be free.
    this.#pool = new Pool({ ...rest, max: most, allowExitOnIdle: true });
    this.#pool.on("error", () => {});
  }

  /** Begins a transaction, and rolls it back unless `use` has committed it. */
  async run<T>(use: (transaction: OpenTransaction) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw toStoreError(error, this.#location, "connecting");
    });
    const transaction = new OpenTransaction(client, this.#location);
    const breaks = (): void => transaction.breaks();
    client.on("error", breaks);
    try {
      await transaction.begin();
      return await use(transaction);
    } finally {
      await transaction.end();
      client.off("error", breaks);
      client.release(transaction.isBroken);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** One transaction, from its begin to its end. */
export class OpenTransaction implements Queries {
  readonly #client: PoolClient;
  readonly #location: string;
  #isOpen = false;
  isBroken = false;

  constructor(client: PoolClient, location: string) {
    this.#client = client;
    this.#location = location;
  }

  breaks(): void {
    this.isBroken = true;
  }

  async begin(): Promise<void> {
    await this.#own(() => this.#client.query(begin));
    this.#isOpen = true;
  }

  /** Runs a body with what it may use of the transaction. Afterwards nothing can be added any more. */
  async runBody<T>(body: (transaction: StepTransaction) => Promise<T>): Promise<T> {
    const lent = new LentTransaction(this.#client);
    try {
      return await body(lent);
    } finally {
      lent.takeBack();
    }
  }

  /**
   * Everything is written but the result: what was deferred is checked. Throws the server's own errors, for they are about
   * what the body has done, and a `FatalError` if the body has ended the transaction itself.
   */
  async finishBody(): Promise<void> {
    // `pg` answers several statements with one result each, which its types do not know.
    const answer: unknown = await this.#judging(() => this.#client.query(close), "reading");
    const state = Array.isArray(answer) ? (answer.at(-1) as { rows: { state: string | null }[] }).rows[0]?.state : null;
    if (state === "open") return;
    throw new FatalError("A transactional step has ended its transaction itself: what it wrote may be committed.", {
      hint: "Leave COMMIT and ROLLBACK to Perdure. Savepoints may be used.",
    });
  }

  read<R extends object>(text: string, values: readonly unknown[]): Promise<readonly R[]> {
    return this.#own(async () => {
      const { rows } = await this.#client.query<R>({ text, values: [...values], types: typeParsers });
      return rows;
    });
  }

  /** Nothing is written before the commit, so the outcome of no other statement is unknown. */
  write<R extends object>(text: string, values: readonly unknown[]): Promise<readonly R[]> {
    return this.read<R>(text, values);
  }

  /** Throws a `StoreError` with the outcome `unknown` when the connection was lost, and else the server's own error. */
  async commit(): Promise<void> {
    this.#isOpen = false;
    await this.#judging(() => this.#client.query("COMMIT"), "writing");
  }

  /** Rolls back what is open still. A connection that cannot even do that is given up, and the server rolls back. */
  async end(): Promise<void> {
    if (!this.#isOpen || this.isBroken) return;
    this.#isOpen = false;
    await this.#seen(this.#client.query("ROLLBACK")).catch(() => this.breaks());
  }

  /** A statement by which the server judges what the body has done: its errors are the body's, but for a lost connection. */
  async #judging<T>(statement: () => Promise<T>, phase: "reading" | "writing"): Promise<T> {
    try {
      return await this.#seen(statement());
    } catch (error) {
      throw endsConnection(error) ? toStoreError(error, this.#location, phase) : error;
    }
  }

  async #own<T>(statement: () => Promise<T>): Promise<T> {
    try {
      return await this.#seen(statement());
    } catch (error) {
      throw toStoreError(error, this.#location, "reading");
    }
  }

  async #seen<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.isBroken ||= endsConnection(error);
      throw error;
    }
  }
}

/** What a body sees of its transaction: statements, until the body has ended. */
class LentTransaction implements StepTransaction {
  #client: PoolClient | null;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  async query<Row = Record<string, unknown>>(
    statement: string | StatementConfig,
    values?: readonly unknown[],
  ): Promise<StatementResult<Row>> {
    if (this.#client === null) {
      throw new FatalError("The transaction of a step was used after the step had ended.", {
        hint: "Await every statement before the step returns.",
      });
    }
    const config: QueryConfig = typeof statement === "string" ? { text: statement } : { ...statement, values: [] };
    const bound = values ?? (typeof statement === "string" ? undefined : statement.values);
    if (bound === undefined) delete config.values;
    else config.values = [...bound];
    // The rows are whatever the statement selects, which the caller knows.
    return (await this.#client.query(config)) as unknown as StatementResult<Row>;
  }

  takeBack(): void {
    this.#client = null;
  }
}
