/**
 * What SQLite says, as a `StoreError`. Decides by the numeric result code alone, never by the text.
 *
 * The codes are those of https://www.sqlite.org/rescode.html; the low byte is the primary code, the rest extends it.
 */
import { StoreError, type StoreFailure } from "@perdure/errors";

/** Primary result codes that get an answer of their own. */
export const sqlite = {
  error: 1,
  perm: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  constraint: 19,
  noLargeFile: 22,
  notADatabase: 26,
} as const;

/** The primary SQLite result code of an error; null when the error is not SQLite's. */
export function sqliteCode(error: unknown): number | null {
  if (typeof error !== "object" || error === null || !("errcode" in error)) return null;
  return typeof error.errcode === "number" ? error.errcode & 0xff : null;
}

/** True when another connection holds the lock, so that trying again later is the cure. */
export function isLocked(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === sqlite.busy || code === sqlite.locked;
}

interface Explanation {
  readonly failure: StoreFailure;
  readonly what: string;
  readonly hint: string;
}

const networkHint =
  "SQLite needs a local file system: network and some virtual or bind-mounted ones have no working locks or shared memory. Move the file to a local disk.";
const backupHint = "Restore the file together with its -wal file from a backup, or move it away to start anew.";

const explanations: ReadonlyMap<number, Explanation> = new Map([
  [
    sqlite.readOnly,
    {
      failure: "STORE_READ_ONLY",
      what: "cannot be written",
      hint: "Give this user write permission on the file, its -wal and -shm files and their directory.",
    },
  ],
  [
    sqlite.perm,
    { failure: "STORE_READ_ONLY", what: "may not be accessed", hint: "Give this user access to the file." },
  ],
  [
    sqlite.error,
    {
      failure: "STORE_CORRUPT",
      what: "does not have the tables that its version says",
      hint: `Another program may have changed them; the cause names the statement's complaint. ${backupHint}`,
    },
  ],
  [sqlite.corrupt, { failure: "STORE_CORRUPT", what: "is damaged", hint: backupHint }],
  [
    sqlite.notADatabase,
    {
      failure: "STORE_CORRUPT",
      what: "is not an SQLite database",
      hint: `Check the configured path. If it is right, the file was overwritten. ${backupHint}`,
    },
  ],
  [
    sqlite.full,
    {
      failure: "STORE_FULL",
      what: "cannot grow: the disk, the quota or the page limit is full",
      hint: "Make room; nothing was lost, and the next call works again.",
    },
  ],
  [
    sqlite.cannotOpen,
    {
      failure: "STORE_UNAVAILABLE",
      what: "cannot be opened",
      hint: "Check that the path names a file in a directory that exists, and that this user may open it.",
    },
  ],
  [
    sqlite.ioError,
    {
      failure: "STORE_UNAVAILABLE",
      what: "met an input or output error",
      hint: `Check the disk and the system log. ${networkHint}`,
    },
  ],
  [sqlite.protocol, { failure: "STORE_UNSUPPORTED", what: "cannot be locked reliably", hint: networkHint }],
  [sqlite.noLargeFile, { failure: "STORE_UNSUPPORTED", what: "cannot hold a large file", hint: networkHint }],
]);

/** A failed SQLite call as a `StoreError` that names the file; an error that is not SQLite's is returned as it is. */
export function toStoreError(error: unknown, file: string, outcome: "none" | "unknown" = "none"): unknown {
  const code = sqliteCode(error);
  if (code === null) return error;
  if (isLocked(error)) return lockedError(file, 0, error);
  const known = explanations.get(code);
  const failure = known?.failure ?? "STORE_UNAVAILABLE";
  const what = known?.what ?? "refused a statement";
  return new StoreError(failure, `The store ${file} ${what} (SQLite result code ${code}).`, {
    cause: error,
    outcome,
    where: { file },
    hint:
      known?.hint ?? "Another program may have changed the file's tables; the cause names the statement's complaint.",
  });
}

/** The lock did not come free within the bound. */
export function lockedError(file: string, waitedMs: number, cause: unknown): StoreError {
  return new StoreError("STORE_LOCKED", `The store ${file} stayed locked for ${Math.round(waitedMs)} ms.`, {
    cause,
    where: { file },
    hint: "Another process holds the write lock: look for a backup tool, a database browser or a stopped process that has the file open (`fuser` or `lsof` lists them). On a network or bind-mounted file system locks may not work at all: move the file to a local disk.",
  });
}

/** The file's content contradicts itself; `what` continues "is damaged: ". */
export function damagedFileError(file: string, what: string): StoreError {
  return new StoreError("STORE_CORRUPT", `The store ${file} is damaged: ${what}.`, {
    where: { file },
    hint: backupHint,
  });
}

export function closedError(file: string): StoreError {
  return new StoreError("STORE_CLOSED", `The store ${file} was closed.`, {
    where: { file },
    hint: "Something still used the world after close(): stop workers and clients first.",
  });
}

/** After a failed commit the state of the disk is not known, so nothing more is written through this connection. */
export function failedDiskError(file: string, cause: unknown): StoreError {
  return new StoreError("STORE_UNAVAILABLE", `The store ${file} accepts no more writes: an earlier commit failed.`, {
    cause,
    where: { file },
    hint: "Check the disk and the system log, then restart the process; the log is recovered when the file is opened.",
  });
}

export function replacedError(file: string): StoreError {
  return new StoreError("STORE_UNAVAILABLE", `The store ${file} was removed or replaced while it was open.`, {
    where: { file },
    hint: "Restart this process; stop every process that uses the store before it is deleted or restored.",
  });
}

export function newerVersionError(file: string, found: number, supported: number): StoreError {
  return new StoreError(
    "STORE_NEWER_VERSION",
    `The store ${file} has schema version ${found}; this version of Perdure knows up to ${supported}.`,
    { where: { file }, hint: "A newer version of Perdure has opened the file: upgrade this process." },
  );
}

export function foreignFileError(file: string): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `The store ${file} is an SQLite database of another application.`, {
    where: { file },
    hint: "Perdure keeps its data in a file of its own: configure another path.",
  });
}

export function noWalError(file: string, mode: string): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `The store ${file} cannot use write-ahead logging (mode: ${mode}).`, {
    where: { file },
    hint: networkHint,
  });
}

export function networkError(file: string, fileSystem: string): StoreError {
  return new StoreError("STORE_UNSUPPORTED", `The store ${file} is on a network file system (${fileSystem}).`, {
    where: { file },
    hint: networkHint,
  });
}

/** The file system refused before SQLite was asked. */
export function fileSystemError(file: string, error: unknown): StoreError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const readOnly = code === "EACCES" || code === "EROFS" || code === "EPERM";
  const full = code === "ENOSPC" || code === "EDQUOT";
  const failure = readOnly ? "STORE_READ_ONLY" : full ? "STORE_FULL" : "STORE_UNAVAILABLE";
  return new StoreError(
    failure,
    `The store ${file} cannot be created or reached (${String(code ?? "unknown error")}).`,
    {
      cause: error,
      where: { file },
      hint: "Check that the path's parent is a directory on a disk with room, and that this user may write to it.",
    },
  );
}
