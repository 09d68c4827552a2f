/** What a program says about the PostgreSQL world that it uses. */

/** How a PostgreSQL world is set up. Only the URL is needed. */
export interface PostgresWorldOptions {
  /** `postgresql://user:password@host:port/database`, with the parameters that `pg` knows. */
  readonly url: string;
  /**
   * The URL leads to a pooler that gives a session to each transaction, such as PgBouncer in transaction mode; default
   * false. Then nothing is asked of a session that outlasts a transaction.
   */
  readonly pooled?: boolean;
  /** The URL of the same database past the pooler, to hear notifications; without it, changes are polled for. */
  readonly directUrl?: string;
  /** Worlds of different namespaces share the tables and see nothing of each other; default `default`. */
  readonly namespace?: string;
  /** The schema that holds the tables; it is created when it is missing; default `perdure`. */
  readonly schema?: string;
  /**
   * The most connections of this process for calls; default 10. One more listens for notifications while somebody wants to
   * know of changes, and one more beats for each worker.
   */
  readonly maxConnections?: number;
  /**
   * The most transactions of steps at once in this process, each on a connection of its own beside those for calls; default
   * 10. More of them wait.
   */
  readonly maxTransactions?: number;
  /** Whether processes tell each other of changes with LISTEN and NOTIFY; default true. Without, they are polled for. */
  readonly notifications?: boolean;
  /** How often what notifications may have missed is looked for while somebody waits, in milliseconds; default 1,000. */
  readonly pollMs?: number;
  /** How long a connection and a statement may take, in milliseconds, before the call fails; default 30,000. */
  readonly timeoutMs?: number;
  /**
   * Open the store also on a server that may forget what it acknowledged, because `fsync` or `synchronous_commit` is
   * off; default false.
   */
  readonly allowUnsafeDurability?: boolean;
  /**
   * Whether opening the world makes the tables and brings them up to date; default true. With false the process needs no
   * right to create anything, and `perdure postgres migrate` is run before it, by a user that has it.
   */
  readonly migrate?: boolean;
  /**
   * Signs the bundles of workflow code, and refuses those that are not signed: who can write to the database, and does not
   * know the secret, cannot run code in the workers. Of a list the first one signs, and all are accepted. Each has 16
   * characters or more.
   */
  readonly secret?: string | readonly string[];
  /** How long ended runs are kept; by default for ever. Workers delete older ones in the background. */
  readonly retention?: RetentionOptions;
}

/** How long runs are kept after they have ended so: a whole number of `s`, `m`, `h`, `d` or `w`, such as `30d`; 1m at least. */
export interface RetentionOptions {
  readonly completed?: string;
  readonly failed?: string;
  readonly cancelled?: string;
}
