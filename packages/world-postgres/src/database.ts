/**
 * The connections to the server: a pool, and the two ways to use it.
 *
 * A statement outside of a transaction is one round trip and commits by itself. Each statement is prepared once per
 * connection, unless a pooler is in between. A failure arrives as a `StoreError`, except for the codes of our own, which the
 * caller decides on.
 * What was undone because of others is tried again here.
 */
import { Client, type ClientBase, type ClientConfig, Pool, types } from "pg";
import { endsConnection, isDecidedByCaller, isUndoneByOthers, type Phase, toStoreError } from "./store-errors.ts";

/** How often a statement or transaction that was undone because of others is tried again. */
const undoneMax = 10;

/** How long a transaction waits for the lock of another one, and how long it may stay idle before the server ends it. */
const lockTimeoutMs = 2_000;
const idleInTransactionMs = 10_000;

const begin = `BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = ${lockTimeoutMs};
SET LOCAL idle_in_transaction_session_timeout = ${idleInTransactionMs}`;

/**
 * 64-bit integers arrive as numbers: all that are stored are positions, counts and milliseconds. Bytes arrive in memory
 * of their own, and not in a part of the memory that `Buffer` shares.
 */
const ownParsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [types.builtins.INT8, Number],
  [types.builtins.BYTEA, (text) => new Uint8Array(types.getTypeParser(types.builtins.BYTEA)(text))],
]);

export const typeParsers = {
  getTypeParser: ((oid: number, format?: "text" | "binary") =>
    ownParsers.get(oid) ?? types.getTypeParser(oid, format as "text")) as typeof types.getTypeParser,
};

export type Values = readonly unknown[];

/** Statements with bound parameters, on any connection or on that of a transaction. */
export interface Queries {
  read<R extends object>(text: string, values: Values): Promise<readonly R[]>;
  /** A statement that changes something: when its connection is lost, its outcome is unknown. */
  write<R extends object>(text: string, values: Values): Promise<readonly R[]>;
}

/** Statements that are sent one after the other, on one connection. */
export interface Session extends Queries {
  /** It is to be ended after this statement: the connection is lost, or others wait for one. */
  readonly isOver: boolean;
}

/** The statements of a transaction; `script` takes several at once, without parameters. */
export interface TransactionQueries extends Queries {
  script(text: string): Promise<void>;
}

export interface DatabaseSettings {
  readonly config: ClientConfig;
  /** Host, port and database, for people. */
  readonly location: string;
  readonly maxConnections: number;
  /** Whether statements are prepared once per connection. */
  readonly prepares: boolean;
}

export class Database implements Queries {
  /** Host, port and database, for people. */
  readonly location: string;
  readonly #pool: Pool;
  readonly #prepares: boolean;
  readonly #names = new Map<string, string>();
  readonly #onConnectionLost = new Set<() => void>();

  constructor({ config, location, maxConnections, prepares }: DatabaseSettings) {
    this.location = location;
    this.#prepares = prepares;
    const { connectionTimeoutMillis = 0, ...rest } = config;
    this.#pool = new Pool({
      ...rest,
      types: typeParsers,
      max: maxConnections,
      allowExitOnIdle: true,
      // The pool would hold the timeout also against calls that wait for a connection to be free.
      Client: class extends Client {
        constructor(options?: string | ClientConfig) {
          super(typeof options === "string" ? options : { ...options, connectionTimeoutMillis });
          // What arrives together with the answer to the log-in is told before whoever asked for the connection has it.
          this.on("error", () => {});
        }
      },
    });
    // An idle connection that breaks is replaced by the pool; whoever uses the next one is told if that fails.
    this.#pool.on("error", () => this.#connectionLost());
  }

  read<R extends object>(text: string, values: Values): Promise<readonly R[]> {
    return this.#alone<R>(text, values, "reading");
  }

  write<R extends object>(text: string, values: Values): Promise<readonly R[]> {
    return this.#alone<R>(text, values, "writing");
  }

  /** Keeps one connection for several statements: the next one is sent without waiting for a connection to be free. */
  session<T>(use: (session: Session) => Promise<T>): Promise<T> {
    return this.#connected((connection) => {
      const isWanted = () => this.#pool.waitingCount > 0;
      return use(new OpenSession(connection, this.location, isWanted));
    });
  }

  /** Runs `body` in a transaction, and again from its beginning when that was undone because of others. */
  async transaction<T>(body: (queries: TransactionQueries) => Promise<T>): Promise<T> {
    return retryUndone(this.location, () => this.#connected((connection) => transact(connection, body)));
  }

  /** Statements without parameters, one after the other on one connection, for those that allow no transaction. */
  async scripts(texts: readonly string[]): Promise<void> {
    await this.#connected(async (connection) => {
      for (const text of texts) await connection.script(text, "reading");
    });
  }

  /** Calls back when a connection was lost, so that what was read before may be of another server. */
  onConnectionLost(callback: () => void): void {
    this.#onConnectionLost.add(callback);
  }

  /** Waits for the connections that are in use, then closes all of them. */
  async close(): Promise<void> {
    await this.#pool.end();
  }

  #alone<R extends object>(text: string, values: Values, phase: Phase): Promise<readonly R[]> {
    return retryUndone(this.location, () => this.#connected((connection) => connection.query<R>(text, values, phase)));
  }

  async #connected<T>(use: (connection: Connection) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw toStoreError(error, this.location, "connecting");
    });
    const connection = new Connection(client, this.location, (text) => this.#nameOf(text));
    // Without a listener, a connection that breaks between two statements of a transaction would end the process.
    const breaks = (): void => {
      connection.isBroken = true;
    };
    client.on("error", breaks);
    try {
      return await use(connection);
    } finally {
      client.off("error", breaks);
      client.release(connection.isBroken);
      if (connection.isBroken) this.#connectionLost();
    }
  }

  #nameOf(text: string): string | undefined {
    if (!this.#prepares) return undefined;
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const name = `perdure_${this.#names.size + 1}`;
    this.#names.set(text, name);
    return name;
  }

  #connectionLost(): void {
    for (const callback of this.#onConnectionLost) callback();
  }
}

/** One connection while it is in use. */
class Connection {
  readonly #client: ClientBase;
  readonly #location: string;
  readonly #nameOf: (text: string) => string | undefined;
  isBroken = false;

  constructor(client: ClientBase, location: string, nameOf: (text: string) => string | undefined) {
    this.#client = client;
    this.#location = location;
    this.#nameOf = nameOf;
  }

  async query<R extends object>(text: string, values: Values, phase: Phase): Promise<readonly R[]> {
    const name = this.#nameOf(text);
    const query = { text, values: [...values], ...(name === undefined ? {} : { name }) };
    const { rows } = await this.#failing(this.#client.query<R>(query), phase);
    return rows;
  }

  /** Statements without parameters. */
  async script(text: string, phase: Phase): Promise<void> {
    await this.#failing(this.#client.query(text), phase);
  }

  async #failing<T>(answer: Promise<T>, phase: Phase): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.isBroken ||= endsConnection(error);
      if (isUndoneByOthers(error) || isDecidedByCaller(error)) throw error;
      throw toStoreError(error, this.#location, phase);
    }
  }
}

class OpenSession implements Session {
  readonly #connection: Connection;
  readonly #location: string;
  readonly #isWanted: () => boolean;

  constructor(connection: Connection, location: string, isWanted: () => boolean) {
    this.#connection = connection;
    this.#location = location;
    this.#isWanted = isWanted;
  }

  get isOver(): boolean {
    return this.#connection.isBroken || this.#isWanted();
  }

  read<R extends object>(text: string, values: Values): Promise<readonly R[]> {
    return retryUndone(this.#location, () => this.#connection.query<R>(text, values, "reading"));
  }

  write<R extends object>(text: string, values: Values): Promise<readonly R[]> {
    return retryUndone(this.#location, () => this.#connection.query<R>(text, values, "writing"));
  }
}

/** Until COMMIT is sent nothing can have been written, whatever happens to the connection: so far all is reading. */
async function transact<T>(connection: Connection, body: (queries: TransactionQueries) => Promise<T>): Promise<T> {
  let result: T;
  try {
    await connection.script(begin, "reading");
    result = await body({
      read: (text, values) => connection.query(text, values, "reading"),
      write: (text, values) => connection.query(text, values, "reading"),
      script: (text) => connection.script(text, "reading"),
    });
  } catch (error) {
    // The connection that cannot even roll back is given up, and the server rolls back.
    if (!connection.isBroken) await connection.script("ROLLBACK", "reading").catch(() => {});
    throw error;
  }
  await connection.script("COMMIT", "writing");
  return result;
}

async function retryUndone<T>(location: string, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isUndoneByOthers(error)) throw error;
      if (count >= undoneMax) throw toStoreError(error, location, "reading");
    }
  }
}
