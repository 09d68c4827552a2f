/**
 * What PostgreSQL and the connection to it say, as a `StoreError`. Decides by SQLSTATE, never by the text.
 *
 * The codes are those of https://www.postgresql.org/docs/current/errcodes-appendix.html; the first two characters are the
 * class. An error without one comes from the connection, not from the server.
 */
import { StoreError, type StoreFailure } from "@perdure/errors";
import { DatabaseError } from "pg";

/** SQLSTATEs that are decided on elsewhere. Those with PDT are our own: see `write_runs` and `0001-bundle-guard.ts`. */
export const sqlState = {
  serializationFailure: "40001",
  deadlock: "40P01",
  lockNotAvailable: "55P03",
  tokensMoved: "PDT01",
  bundleDoomed: "PDT02",
} as const;

/** The SQLSTATE of an error that the server has sent; null for any other error. */
export function sqlStateOf(error: unknown): string | null {
  return error instanceof DatabaseError ? (error.code ?? null) : null;
}

/** True when the transaction was undone because of others, and trying it again is the cure. */
export function isUndoneByOthers(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === sqlState.serializationFailure || code === sqlState.deadlock;
}

/** True for what our own functions raise: who has sent the statement knows what to do. */
export function isDecidedByCaller(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === sqlState.tokensMoved || code === sqlState.bundleDoomed;
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

/**
 * True for an error that says something of one statement, which the server has undone, and nothing of the connection: to
 * send it again in parts may show which part it was.
 */
export function isOfStatement(error: unknown): boolean {
  const cause = StoreError.is(error) ? error.cause : error;
  return sqlStateOf(cause) !== null && !endsConnection(cause);
}

interface Explanation {
  readonly failure: StoreFailure;
  readonly what: string;
  readonly hint: string;
}

const reachHint = "Check host, port and network, that the server runs, and that it takes connections from here.";

/** What Node says when no connection comes about, by its `code`. */
const byConnection: ReadonlyMap<string, Pick<Explanation, "what" | "hint">> = new Map([
  ["ENOTFOUND", { what: "has a host name that nobody knows", hint: "Check the host in the configured URL." }],
  [
    "EAI_AGAIN",
    { what: "has a host name that cannot be looked up", hint: "The name server does not answer: try later." },
  ],
  [
    "ECONNREFUSED",
    {
      what: "takes no connections",
      hint: "Nobody listens at that host and port: check them, and that the server runs.",
    },
  ],
  [
    "ENOENT",
    {
      what: "has no socket there",
      hint: "The folder given as host holds no socket of a server: check it and the port.",
    },
  ],
]);

/** Certificates that Node does not trust. */
const untrusted: Pick<Explanation, "what" | "hint"> = {
  what: "has a certificate that is not trusted",
  hint: "Name the authority that signed it: ?sslmode=verify-full&sslrootcert=/path/to/ca.pem in the URL, or NODE_EXTRA_CA_CERTS.",
};
const certificateCodes: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

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
    "57014",
    {
      failure: "STORE_UNAVAILABLE",
      what: "cancelled a statement",
      hint: "A `statement_timeout` of server, database or user is shorter than the statement takes, or somebody cancelled it.",
    },
  ],
  [
    "57P03",
    {
      failure: "STORE_UNAVAILABLE",
      what: "takes no connections now",
      hint: "The server starts, stops or recovers: it is tried again by itself.",
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
      hint: "Grant the user the schema with its tables and functions. To make the tables, run `perdure postgres migrate` as a user that may CREATE in the database.",
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
      hint: "Check the user of the configured URL, and what `pg_hba.conf` of the server says about it; it may ask for TLS: ?sslmode=require.",
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
const noConnection: Explanation = {
  failure: "STORE_UNAVAILABLE",
  what: "did not take the connection",
  hint: `${reachHint} If the URL asks for TLS by \`sslmode\`, the server may have none.`,
};
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
  const known =
    code === null ? connectionFailure(error, phase) : (byCode.get(code) ?? byClass.get(code.slice(0, 2)) ?? failed);
  const outcome = phase === "writing" && endsConnection(error) ? "unknown" : "none";
  const suffix = code === null ? "" : ` (SQLSTATE ${code})`;
  return new StoreError(known.failure, `The store ${location} ${known.what}${suffix}.`, {
    cause: error,
    outcome,
    hint: known.hint,
  });
}

function connectionFailure(error: unknown, phase: Phase): Explanation {
  // Where a name has several addresses, an error comes from each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = (first as { readonly code?: unknown } | null | undefined)?.code;
  if (typeof code !== "string") return phase === "connecting" ? noConnection : unreachable;
  const known = certificateCodes.has(code) ? untrusted : byConnection.get(code);
  return known === undefined ? unreachable : { failure: "STORE_UNAVAILABLE", ...known };
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

export function notMigratedError(location: string, found: number, needed: number): StoreError {
  const what = found === 0 ? "has no tables of Perdure" : `has schema version ${found}, and ${needed} is needed`;
  return new StoreError("STORE_NOT_MIGRATED", `The store ${location} ${what}.`, {
    hint: "Run `perdure postgres migrate` as a user that may create tables, or leave out `migrate: false`.",
  });
}

export function lockedSchemaError(location: string): StoreError {
  return new StoreError("STORE_LOCKED", `The schema of the store ${location} is being migrated by another process.`, {
    hint: "Wait for it; `pg_stat_activity` shows what it is doing.",
  });
}

/** `setting` is a setting of the server that makes acknowledged commits go lost. */
export function unsafeSettingError(location: string, setting: string): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `The store ${location} runs with ${setting}=off.`, {
    hint: `A crash of the server would lose events that were acknowledged: turn ${setting} on, or accept it with \`allowUnsafeDurability: true\`.`,
  });
}

/** A commit whose outcome was not known, and is by now. */
export function rolledBackError(error: StoreError): StoreError {
  return new StoreError(error.code, error.message, { cause: error, outcome: "none" });
}

/** A transaction was given that cannot be one of this store. */
export function foreignTransactionError(location: string): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `The transaction is not one of the database of the store ${location}.`, {
    hint: "Begin the transaction in the database that the world is configured with: the two are committed as one.",
  });
}

/** A heartbeat was not taken, for no reason that the store shows. */
export function refusedBeatError(location: string): StoreError {
  return new StoreError("STORE_UNAVAILABLE", `The store ${location} did not take a heartbeat.`, {
    hint: "It is sent again. If it stays so, a pooler may answer reads from a copy of the store: connect to the primary.",
  });
}

export function tooLargeError(count: number, most: number): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `One append of ${count} events; this store takes ${most}.`, {
    hint: "Cut the append at `capabilities.maxEventsPerAppend`.",
  });
}
