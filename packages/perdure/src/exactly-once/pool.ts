/** What is asked of the program's own pool of connections, and one transaction on it. */
import { FatalError, InvalidArgumentError } from "@perdure/errors";
import type { StatementConfig, StatementResult, StepTransaction, TransactionClient } from "@perdure/world";

/** A pool of connections to PostgreSQL, as `pg` and what is built like it have one. */
export interface OncePool {
  connect(): Promise<OnceConnection>;
}

/** A connection that a pool has lent. */
export interface OnceConnection {
  query(
    statement: string,
    values?: unknown[],
  ): Promise<{ readonly rows: Record<string, unknown>[]; readonly rowCount?: number | null }>;
  /** Gives the connection back; `true`: it is of no more use. */
  release(destroy?: boolean): void;
  on?(event: "error", listener: (error: Error) => void): unknown;
  off?(event: "error", listener: (error: Error) => void): unknown;
}

/** A transaction that is rolled back unless it is committed. */
export interface OwnTransaction extends TransactionClient {
  /** For the body, until it has ended. */
  lend<T>(body: (tx: StepTransaction) => Promise<T>): Promise<T>;
  commit(): Promise<void>;
}

/**
 * Runs `use` on a connection of the pool, on which `begin` has begun a transaction. A connection on which anything about the
 * transaction itself has failed is given up: then the server rolls back, or has committed.
 */
export async function withTransaction<T>(
  pool: OncePool,
  begin: string,
  use: (transaction: OwnTransaction) => Promise<T>,
): Promise<T> {
  const connection = await pool.connect();
  if (typeof connection?.release !== "function") {
    throw new InvalidArgumentError("once(): the first argument", "a pool of connections", "a single client", {
      hint: "Begin a transaction on the client, and call `onceIn(client, body)` in it.",
    });
  }
  const state = { isOpen: false, isBroken: false };
  const breaks = (): void => {
    state.isBroken = true;
  };
  // Without a listener, a connection that breaks between two statements would end the process.
  connection.on?.("error", breaks);
  const end = (statement: "COMMIT" | "ROLLBACK"): Promise<unknown> => {
    state.isOpen = false;
    return connection.query(statement).catch((error: unknown) => {
      breaks();
      throw error;
    });
  };
  try {
    state.isOpen = true;
    await connection.query(begin);
    return await use({
      query: (text) => connection.query(text),
      lend: (body) => lend(connection, body),
      commit: async () => void (await end("COMMIT")),
    });
  } finally {
    if (state.isOpen && !state.isBroken) await end("ROLLBACK").catch(() => {});
    connection.off?.("error", breaks);
    connection.release(state.isBroken);
  }
}

async function lend<T>(connection: OnceConnection, body: (tx: StepTransaction) => Promise<T>): Promise<T> {
  const lent = new LentTransaction(connection);
  try {
    return await body(lent);
  } finally {
    lent.takeBack();
  }
}

/** What a body sees of the transaction: statements, until the body has ended. */
class LentTransaction implements StepTransaction {
  #connection: OnceConnection | null;

  constructor(connection: OnceConnection) {
    this.#connection = connection;
  }

  async query<Row = Record<string, unknown>>(
    statement: string | StatementConfig,
    values?: readonly unknown[],
  ): Promise<StatementResult<Row>> {
    if (this.#connection === null) {
      throw new FatalError("The transaction of once() was used after its body had ended.", {
        hint: "Await every statement before the body returns.",
      });
    }
    const own = values === undefined ? undefined : [...values];
    // Whatever else a statement holds is between the body and its client, and so are the rows.
    return (await this.#connection.query(statement as string, own)) as unknown as StatementResult<Row>;
  }

  takeBack(): void {
    this.#connection = null;
  }
}
