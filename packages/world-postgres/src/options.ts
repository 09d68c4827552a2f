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
  /** The most connections of this process for calls; default 10. One more listens for notifications. */
  readonly maxConnections?: number;
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
}
