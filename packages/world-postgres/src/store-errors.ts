/**
 * What PostgreSQL and the connection to it say, as a `StoreError`. Decides by SQLSTATE, never by the text.
 *
 * The codes are those of https://www.postgresql.org/docs/current/errcodes-appendix.html; the first two characters are the
 * class. An error without one comes from the connection, not from the server.
 */
import { StoreError, type StoreFailure } from "@perdure/errors";
import { DatabaseError } from "pg";

/** SQLSTATEs that are decided on elsewhere. `tokensMoved` and `jobsMoved` are our own: see `write_run`. */
export const sqlState = {
  serializationFailure: "40001",
  deadlock: "40P01",
  lockNotAvailable: "55P03",
  tokensMoved: "PDT01",
  jobsMoved: "PDT02",
} as const;

/** The SQLSTATE of an error that the server has sent; null for any other error. */
export function sqlStateOf(error: unknown): string | null {
  return error instanceof DatabaseError ? (error.code ?? null) : null;
}

/** True of what `write_run` raises, and its caller decides on. */
export function isOwnState(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === sqlState.tokensMoved || code === sqlState.jobsMoved;
}

/** True when the transaction was undone because of others, and trying it again is the cure. */
export function isUndoneByOthers(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === sqlState.serializationFailure || code === sqlState.deadlock;
}

/** Codes outside of the classes below that also end the connection: the server shuts down, or ended the session. */
const endingCodes: ReadonlySet<string> = new Set([
  "57P01",
  "57P02",
  "57P03",
  "57P04",
  "57P05",
  "25P03",
  "25P04",
  "40003",
]);
/** Connection exceptions, and failures of the server's own. */
const endingClasses: ReadonlySet<string> = new Set(["08", "58", "F0", "XX"]);

/**
 * True when the connection is of no more use after this error. Then it is not known either whether a commit that was
 * under way has happened; every other error of the server means that the statement was undone.
 */
export function endsConnection(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === null || endingCodes.has(code) || endingClasses.has(code.slice(0, 2));
}

interface Explanation {
  readonly failure: StoreFailure;
  readonly what: string;
  readonly hint: string;
}

const reachHint = "Check host, port and network, that the server runs, and that it takes connections from here.";

const byCode: ReadonlyMap<string, Explanation> = new Map<string, Explanation>([
  [
    "28P01",
    {
      failure: "STORE_UNAVAILABLE",
      what: "did not accept the password",
      hint: "Check user and password of the configured URL; special characters in them must be percent-encoded.",
    },
  ],
  [
    "3D000",
    {
      failure: "STORE_UNAVAILABLE",
      what: "does not exist",
      hint: "Create the database, or check its name in the configured URL. Perdure creates its schema, not the database.",
    },
  ],
  [
    "53300",
    {
      failure: "STORE_UNAVAILABLE",
      what: "has no connection left",
      hint: "Lower `maxConnections` of the world, or raise `max_connections` of the server.",
    },
  ],
  [
    "53100",
    {
      failure: "STORE_FULL",
      what: "cannot grow: the server's disk is full",
      hint: "Make room on the server; nothing was lost, and the next call works again.",
    },
  ],
  [
    "25006",
    {
      failure: "STORE_READ_ONLY",
      what: "cannot be written",
      hint: "The server is a standby, or the transaction mode is read-only: connect to the primary.",
    },
  ],
  [
    "42501",
    {
      failure: "STORE_READ_ONLY",
      what: "may not be used so by this user",
      hint: "Grant the user the schema with its tables and functions, and CREATE on the database for the first start.",
    },
  ],
  [
    "XX001",
    { failure: "STORE_CORRUPT", what: "is damaged", hint: "Restore the database from a backup; see the server's log." },
  ],
  [
    "XX002",
    { failure: "STORE_CORRUPT", what: "has a damaged index", hint: "See the server's log; REINDEX may mend it." },
  ],
  [
    sqlState.lockNotAvailable,
    {
      failure: "STORE_LOCKED",
      what: "stayed locked",
      hint: "A transaction of another program holds locks on Perdure's tables: `pg_stat_activity` shows which.",
    },
  ],
]);

const byClass: ReadonlyMap<string, Explanation> = new Map<string, Explanation>([
  [
    "28",
    {
      failure: "STORE_UNAVAILABLE",
      what: "did not let this user in",
      hint: "Check the user of the configured URL, and what `pg_hba.conf` of the server says about it.",
    },
  ],
  [
    "54",
    {
      failure: "STORE_UNSUPPORTED",
      what: "cannot hold a value of this size",
      hint: "An id, a name or a payload is larger than PostgreSQL takes.",
    },
  ],
  [
    "42",
    {
      failure: "STORE_UNSUPPORTED",
      what: "does not have the tables that this version works with",
      hint: "Another program may have changed the schema: give Perdure one of its own.",
    },
  ],
]);

const unreachable: Explanation = { failure: "STORE_UNAVAILABLE", what: "cannot be reached", hint: reachHint };
const failed: Explanation = {
  failure: "STORE_UNAVAILABLE",
  what: "did not do what was asked",
  hint: "The cause and the server's log say why.",
};

/** What was under way when an error came: only a write can have been made without our knowing. */
export type Phase = "connecting" | "reading" | "writing";

/** A failure of server or connection as a `StoreError` that names the database. One that is a `StoreError` stays it. */
export function toStoreError(error: unknown, location: string, phase: Phase): StoreError {
  if (StoreError.is(error)) return error;
  const code = sqlStateOf(error);
  const known = code === null ? unreachable : (byCode.get(code) ?? byClass.get(code.slice(0, 2)) ?? failed);
  const outcome = phase === "writing" && endsConnection(error) ? "unknown" : "none";
  const suffix = code === null ? "" : ` (SQLSTATE ${code})`;
  return new StoreError(known.failure, `The store ${location} ${known.what}${suffix}.`, {
    cause: error,
    outcome,
    hint: known.hint,
  });
}

export function closedError(location: string): StoreError {
  return new StoreError("STORE_CLOSED", `The store ${location} was closed.`, {
    hint: "Something still used the world after close(): stop workers and clients first.",
  });
}

export function newerVersionError(location: string, found: number, supported: number): StoreError {
  return new StoreError(
    "STORE_NEWER_VERSION",
    `The store ${location} has schema version ${found}; this version of Perdure knows up to ${supported}.`,
    { hint: "A newer version of Perdure has migrated the schema: upgrade this process." },
  );
}

/** `setting` is a setting of the server that makes acknowledged commits go lost. */
export function unsafeSettingError(location: string, setting: string): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `The store ${location} runs with ${setting}=off.`, {
    hint: `A crash of the server would lose events that were acknowledged: turn ${setting} on, or accept it with \`allowUnsafeDurability: true\`.`,
  });
}

export function tooLargeError(count: number, most: number): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `One append of ${count} events; this store takes ${most}.`, {
    hint: "Cut the append at `capabilities.maxEventsPerAppend`.",
  });
}
