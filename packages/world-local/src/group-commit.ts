/**
 * Many writes, one commit.
 *
 * A commit costs a flush of the disk, whatever is in it. So writes that are ready in the same turn of the event loop are
 * queued and share one transaction; each runs against the state that the ones before it in the group have made, and a
 * refusal, which writes nothing, leaves the others alone. When a write throws, or the commit is refused, the whole group
 * is rolled back and its members are run again one by one, each in a transaction of its own, so that only the guilty one
 * fails.
 *
 * A flush starts with `setImmediate`: a microtask was no faster for a lone append and leaves out of the group whatever
 * becomes ready by the other callbacks of the turn.
 *
 * G1 Nothing is acknowledged, announced or left in a cache unless COMMIT has returned.
 * G2 Groups commit in the order in which their members were submitted.
 * G3 The outcome is `unknown` only when COMMIT itself failed and may still have reached the disk: an I/O error, or no
 *    memory to note what was written. From then on nothing more is written through this connection, because after a
 *    failed fsync the page cache no longer tells what is on the disk.
 * G4 When a transaction cannot be undone, nothing more is written or read through this connection: it would show what
 *    was never committed.
 *
 * Owns the write transaction. Does not own what is written.
 */
import type { StoreError } from "@perdure/errors";
import { LockWait } from "./lock-wait.ts";
import { rollBack } from "./schema.ts";
import type { DatabaseSync, StatementSync } from "./sqlite.ts";
import { closedError, failedDiskError, sqlite, sqliteCode, toStoreError } from "./store-errors.ts";

/**
 * The most members of one transaction, and for how many milliseconds members are added to it: together they bound how
 * long a flush keeps the event loop. Larger groups gain little, since the flush of the disk is shared by this many.
 */
const membersMax = 512;
const addingMsMax = 4;

/** A COMMIT that fails with one of these has written nothing that recovery would find. */
const certainFailures: ReadonlySet<number | null> = new Set([
  sqlite.error,
  sqlite.perm,
  sqlite.busy,
  sqlite.locked,
  sqlite.readOnly,
  sqlite.corrupt,
  sqlite.full,
  sqlite.constraint,
]);

/** What the owner of the caches and listeners does around a transaction. `E` is one announcement of a change. */
export interface CommitHooks<E> {
  /** The write lock is held: find out whether another connection has written since the last transaction. */
  begun(): void;
  /** Nothing of the transaction became true. */
  rolledBack(): void;
  /** The announcements of the members, in order. */
  committed(announcements: readonly E[]): void;
}

/** A write: reads, writes and returns its answer, synchronously, inside of the transaction. */
export type Write<T, E> = (announce: (change: E) => void) => T | Refusal;

/** What a write returns to have its own promise rejected, while the group goes on. It has written nothing. */
export class Refusal {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

interface Member<E> {
  readonly write: Write<unknown, E>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit<E> {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #hooks: CommitHooks<E>;
  readonly #wait: LockWait;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #queue: Member<E>[] = [];
  #scheduled = false;
  /** How many members at the head of the queue are to be run one by one, after their group has failed. */
  #singly = 0;
  #closing = false;
  /** Set when a commit has failed in a way that leaves the disk's state unknown. */
  #broken: StoreError | null = null;
  /** Set when a transaction could not be undone. */
  #unreadable: StoreError | null = null;
  #idle: (() => void) | null = null;

  constructor(db: DatabaseSync, file: string, lockWaitMs: number, hooks: CommitHooks<E>) {
    this.#db = db;
    this.#file = file;
    this.#hooks = hooks;
    this.#wait = new LockWait(file, lockWaitMs);
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#commit = db.prepare("COMMIT");
  }

  /** Resolves with what `write` returned once that is durable. Rejects with a `StoreError`. */
  submit<T>(write: Write<T, E>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const refusal = this.#closing ? closedError(this.#file) : this.#broken;
      if (refusal !== null) {
        reject(refusal);
        return;
      }
      this.#queue.push({ write, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Throws when this connection may show what was never committed. */
  assertReadable(): void {
    if (this.#unreadable !== null) throw this.#unreadable;
  }

  /** Accept nothing more; resolves when everything that was accepted has its answer. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#queue.length === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    try {
      this.#begin.run();
    } catch (error) {
      this.#retryBegin(error);
      return;
    }
    this.#wait.reset();
    const count = this.#singly > 0 ? 1 : membersMax;
    if (this.#singly > 0) this.#singly -= 1;
    this.#run(this.#queue.splice(0, count));
    this.#continue();
  }

  #continue(): void {
    this.#scheduled = false;
    if (this.#queue.length > 0) this.#schedule();
    else this.#idle?.();
  }

  #retryBegin(error: unknown): void {
    try {
      setTimeout(() => this.#flush(), this.#wait.delayAfter(error));
    } catch (final) {
      this.#wait.reset();
      this.#rejectAll(final);
      this.#continue();
    }
  }

  /** Runs the members in the open transaction, as many as there is time for, and ends it. */
  #run(members: Member<E>[]): void {
    const announcements: E[] = [];
    const announce = (change: E): void => {
      announcements.push(change);
    };
    const answers: unknown[] = [];
    try {
      this.#hooks.begun();
      const until = performance.now() + addingMsMax;
      for (const member of members) {
        answers.push(member.write(announce));
        if (performance.now() > until) break;
      }
    } catch (error) {
      this.#giveUp(members, error);
      return;
    }
    if (answers.length < members.length) this.#queue.unshift(...members.splice(answers.length));
    try {
      this.#commit.run();
    } catch (error) {
      if (certainFailures.has(sqliteCode(error))) this.#giveUp(members, error);
      else this.#breakOff(members, error);
      return;
    }
    for (const [index, member] of members.entries()) {
      const answer = answers[index];
      if (answer instanceof Refusal) member.reject(answer.error);
      else member.resolve(answer);
    }
    this.#hooks.committed(announcements);
  }

  /** Nothing was written. A single member gets the error; several go back to be run one by one. */
  #giveUp(members: readonly Member<E>[], error: unknown): void {
    this.#undo(error);
    const [only, another] = members;
    if (this.#broken !== null) {
      this.#queue.unshift(...members);
      this.#rejectAll(this.#broken);
      return;
    }
    if (only !== undefined && another === undefined) {
      only.reject(toStoreError(error, this.#file));
      return;
    }
    this.#queue.unshift(...members);
    this.#singly = members.length;
  }

  #breakOff(members: readonly Member<E>[], error: unknown): void {
    this.#undo(error);
    const unknown = toStoreError(error, this.#file, "unknown");
    for (const member of members) member.reject(unknown);
    this.#broken = failedDiskError(this.#file, error);
    this.#rejectAll(this.#broken);
  }

  #undo(cause: unknown): void {
    if (!rollBack(this.#db)) {
      this.#broken = failedDiskError(this.#file, cause);
      this.#unreadable = this.#broken;
    }
    this.#hooks.rolledBack();
  }

  #rejectAll(reason: unknown): void {
    this.#singly = 0;
    for (const member of this.#queue.splice(0)) member.reject(reason);
  }
}
