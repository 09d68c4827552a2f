/**
 * Changes of different runs that are ready together travel in one statement and share its commit.
 *
 * G1 One statement of the lane is under way at a time. What comes up meanwhile goes with the next one, and what comes up
 *    while there is none goes at once: nothing waits for company.
 * G2 A change never fails because of another one. Where the server undoes a statement of several, each of them is sent by
 *    itself, on connections of their own. Only a lost connection is shared: then the outcome of each is unknown.
 * G3 A change is judged when its statement is near, and not while thousands are before it: what it was judged by, above all
 *    the store's clock, would be too old by the time it is sent. So whoever wants to judge takes a seat first.
 * G4 Nobody waits long for a lock, or for much work, of somebody else: a lock that lasts makes a change go by itself, and
 *    a large change does so from the beginning.
 */
import type { Queries, Session } from "./database.ts";
import type { RunChange, WriteResult } from "./run-writes.ts";
import { isOfStatement } from "./store-errors.ts";

/** How much goes in one statement, and how long it waits for a lock. */
export interface LaneBounds {
  readonly changes: number;
  readonly bytes: number;
  readonly lockTimeoutMs: number;
}

/**
 * So many that the commit is shared by enough, and so few that the next statement is prepared while this one is at work. A
 * lock is held for the moment of a commit as a rule.
 */
const laneBounds: LaneBounds = { changes: 128, bytes: 256 * 1024, lockTimeoutMs: 50 };

/** So many statements' changes are judged or under way at a time: the one that is at work, the next, and those in preparation. */
const statementsSeated = 3;

/** A change above this share of a statement goes by itself. */
const largeShare = 1 / 4;
/** What a row and an event take beside their payloads, roughly. */
const rowBytes = 300;
const eventBytes = 200;

/** What the lane needs of the statements. */
export interface ChangeWriter {
  /** One change, waiting for whoever holds its row. */
  write(queries: Queries, change: RunChange): Promise<WriteResult>;
  /** Changes of different runs in one statement, which fails when a lock is not to be had in time. */
  writeTogether(
    queries: Queries,
    changes: readonly RunChange[],
    lockTimeoutMs: number,
  ): Promise<readonly WriteResult[]>;
}

/** The right to judge a change and to hand it to the lane. */
export interface Seat {
  /** Does nothing the second time. */
  leave(): void;
}

interface Waiting {
  readonly change: RunChange;
  readonly bytes: number;
  readonly seat: Seat;
  readonly resolve: (result: WriteResult | Promise<WriteResult>) => void;
  readonly reject: (error: unknown) => void;
}

/** What has become of a statement. */
type Answer =
  | { readonly batch: readonly Waiting[]; readonly results: readonly WriteResult[] }
  | { readonly batch: readonly Waiting[]; readonly error: unknown };

/** The connections that the lane needs. */
export interface LaneConnections extends Queries {
  session<T>(use: (session: Session) => Promise<T>): Promise<T>;
}

export class WriteLane {
  readonly #database: LaneConnections;
  readonly #writer: ChangeWriter;
  readonly #bounds: LaneBounds;
  #waiting: Waiting[] = [];
  #isSending = false;
  #seatsFree: number;
  #seatless: ((seat: Seat) => void)[] = [];

  constructor(database: LaneConnections, writer: ChangeWriter, bounds: LaneBounds = laneBounds) {
    this.#database = database;
    this.#writer = writer;
    this.#bounds = bounds;
    this.#seatsFree = bounds.changes * statementsSeated;
  }

  /** Resolves, in the order of the calls, when a change may be judged that is then written. */
  seat(): Promise<Seat> {
    if (this.#seatsFree > 0) {
      this.#seatsFree -= 1;
      return Promise.resolve(this.#newSeat());
    }
    return new Promise((resolve) => this.#seatless.push(resolve));
  }

  /**
   * Resolves when it is known what has become of the change, and leaves its seat as soon as others need not wait for it. No
   * other change of the same run may be under way.
   */
  write(change: RunChange, seat: Seat): Promise<WriteResult> {
    const bytes = sizeOf(change);
    if (bytes > this.#bounds.bytes * largeShare || !mayShare(change)) {
      seat.leave();
      return this.#alone(change);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, bytes, seat, resolve, reject });
      if (this.#isSending) return;
      this.#isSending = true;
      // What else becomes ready in this turn of the event loop goes along.
      setImmediate(() => void this.#sendAll());
    });
  }

  #newSeat(): Seat {
    let isTaken = true;
    return {
      leave: () => {
        if (!isTaken) return;
        isTaken = false;
        const next = this.#seatless.shift();
        if (next === undefined) this.#seatsFree += 1;
        else next(this.#newSeat());
      },
    };
  }

  #alone(change: RunChange): Promise<WriteResult> {
    return this.#writer.write(this.#database, change);
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      try {
        await this.#database.session((session) => this.#sendOn(session));
      } catch (error) {
        // There is no connection.
        this.#settle({ batch: this.#nextBatch(), error });
      }
    }
    this.#isSending = false;
  }

  /** The next statement is sent before the answers to this one are given: the server works while callers do. */
  async #sendOn(session: Session): Promise<void> {
    let answer: Promise<Answer> | null = this.#send(session);
    while (answer !== null) {
      const answered: Answer = await answer;
      answer = session.isOver || this.#waiting.length === 0 ? null : this.#send(session);
      this.#settle(answered);
    }
  }

  /** The first ones, as many as the bounds allow. */
  #nextBatch(): readonly Waiting[] {
    const { changes, bytes } = this.#bounds;
    let count = 0;
    let size = 0;
    for (const each of this.#waiting) {
      size += each.bytes;
      if (count === changes || size > bytes) break;
      count += 1;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch.toSorted(inLockOrder);
  }

  async #send(session: Session): Promise<Answer> {
    const batch = this.#nextBatch();
    const changes = batch.map(({ change }) => change);
    try {
      return { batch, results: await this.#writer.writeTogether(session, changes, this.#bounds.lockTimeoutMs) };
    } catch (error) {
      return { batch, error };
    }
  }

  #settle(answer: Answer): void {
    for (const [index, { change, seat, resolve, reject }] of answer.batch.entries()) {
      if ("results" in answer) resolve(answer.results[index] ?? staleResult);
      else if (isOfStatement(answer.error)) resolve(this.#alone(change));
      else reject(answer.error);
      seat.leave();
    }
  }
}

const staleResult: WriteResult = { outcome: "stale", now: null };

/** A conflict rests on a token of another run, whose row of the token is locked for it. */
const mayShare = ({ tokens }: RunChange): boolean => tokens === null || tokens.assumed.held.length === 0;

function sizeOf({ append }: RunChange): number {
  let bytes = rowBytes;
  for (const { payload } of append?.events ?? []) bytes += eventBytes + (payload?.byteLength ?? 0);
  return bytes;
}

/**
 * Every process locks rows in this order, so two statements wait for each other in one direction only: first the rows that
 * are changed, by run, and then those that are created, by what may be taken.
 */
function inLockOrder({ change: a }: Waiting, { change: b }: Waiting): number {
  if ((a.version === null) !== (b.version === null)) return a.version === null ? 1 : -1;
  if (a.version !== null) return compareTexts(a.run.runId, b.run.runId);
  return compareTexts(a.run.key ?? "", b.run.key ?? "") || compareTexts(a.run.runId, b.run.runId);
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
