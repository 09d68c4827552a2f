/**
 * Watches every log and every row as the store changes them: what must hold of each step of the store, whoever asked for it.
 * It keeps its own memory and its own fold, so that a defect in the engine's or the world's books does not hide itself.
 */
import { isFactType, isTerminalType, type LogEvent, type RunRecord } from "@perdure/world";
import type { Report } from "../ledger/violation.ts";
import type { SimStore } from "../store/sim-store.ts";
import { EntityBooks } from "./entity-books.ts";

/** Claims that are lost in a row without progress before a run is parked. */
const lostClaimsMax = 5;

/** What was seen of a run. */
interface Seen {
  /** A digest of each event, by position. */
  readonly digests: string[];
  readonly books: EntityBooks;
  /** Null before the first look. */
  row: RunRecord | null;
  lastFactAt: number;
  ended: boolean;
  /** The tail when the run was last claimed, and how many claims were lost in a row since it last moved. */
  claimTail: number;
  lostClaims: number;
}

export interface LogWatchParts {
  readonly store: SimStore;
  readonly report: Report;
  /** Called with each new event, and with the moment since when the wait that it completes was due. */
  readonly onEvent: (runId: string, event: LogEvent, dueAt: number | null) => void;
}

export class LogWatch {
  readonly #parts: LogWatchParts;
  readonly #seen = new Map<string, Seen>();
  /** Who holds an open hook, by token hash, over all runs. */
  readonly #tokens = new Map<string, string>();
  readonly #keys = new Map<string, string>();

  constructor(parts: LogWatchParts) {
    this.#parts = parts;
  }

  /** The books of a run, as the log has it. */
  booksOf(runId: string): EntityBooks | undefined {
    return this.#seen.get(runId)?.books;
  }

  /** To be called after every call that the store applied. */
  look(): void {
    for (const [runId, stored] of this.#parts.store.space.runs) {
      const seen = this.#seen.get(runId) ?? this.#meet(runId, stored.run.key);
      if (seen.row === stored.run && seen.digests.length === stored.events.length) continue;
      const fresh = stored.events.slice(seen.digests.length);
      for (const event of fresh) this.#event(runId, stored.run, seen, event);
      this.#row(runId, seen, stored.run, fresh);
      seen.row = stored.run;
    }
  }

  /** L3: what was once in a log is there still, byte for byte. */
  judgeAtEnd(): void {
    for (const [runId, stored] of this.#parts.store.space.runs) {
      const digests = this.#seen.get(runId)?.digests ?? [];
      stored.events.forEach((event, index) => {
        if (digestOf(event) !== digests[index]) this.#report("L3", runId, `position ${index + 1} has changed`);
      });
    }
  }

  #report(invariant: string, runId: string, message: string): void {
    this.#parts.report(invariant, runId, message);
  }

  #meet(runId: string, key: string | null): Seen {
    const { store } = this.#parts;
    const books = new EntityBooks(
      (invariant, message) => this.#report(invariant, runId, message),
      () => store.now(),
    );
    const seen: Seen = { digests: [], books, row: null, lastFactAt: 0, ended: false, claimTail: 0, lostClaims: 0 };
    this.#seen.set(runId, seen);
    if (key === null) return seen;
    const other = this.#keys.get(key);
    if (other !== undefined) this.#report("X4", runId, `the key ${key} is that of ${other} as well`);
    this.#keys.set(key, runId);
    return seen;
  }

  #event(runId: string, row: RunRecord, seen: Seen, event: LogEvent): void {
    const { position } = event;
    const expected = seen.digests.length + 1;
    if (position !== expected) this.#report("L1", runId, `position ${position} stands where ${expected} was due`);
    if (seen.ended) this.#report("L6", runId, `${event.type} at ${position} follows a terminal event`);
    if (expected === 1 && event.type !== "run_created") this.#report("L1", runId, `the log begins with ${event.type}`);
    if (event.epoch !== null && event.epoch !== row.epoch) {
      this.#report("D1", runId, `${event.type} at ${position} is of epoch ${event.epoch} under epoch ${row.epoch}`);
    }
    if (isFactType(event.type)) {
      if (event.at < seen.lastFactAt) this.#report("R6", runId, `the clock goes backwards at ${position}`);
      seen.lastFactAt = event.at;
    } else if (event.cause === null || event.cause >= position) {
      this.#report("R6", runId, `the decision at ${position} has no fact before it as its cause`);
    }
    if (isTerminalType(event.type)) seen.ended = true;
    this.#token(runId, event);
    const isWaitEnd = event.type === "wait_completed";
    const dueAt = isWaitEnd ? (seen.books.waits.get(event.correlationId ?? "")?.dueAt ?? null) : null;
    seen.books.apply(event);
    seen.digests.push(digestOf(event));
    this.#parts.onEvent(runId, event, dueAt);
  }

  /** H3: one open hook per token, over all runs. */
  #token(runId: string, event: LogEvent): void {
    const me = `${runId} ${event.correlationId}`;
    if (event.type === "hook_created") {
      const holder = this.#tokens.get(event.data.tokenHash);
      if (holder !== undefined) this.#report("H3", runId, `two open hooks hold one token: ${holder} and ${me}`);
      this.#tokens.set(event.data.tokenHash, me);
    } else if (event.type === "hook_conflict") {
      if (!this.#tokens.has(event.data.tokenHash)) this.#report("H3", runId, `a conflict over a free token: ${me}`);
    } else if (event.type === "hook_disposed" || isTerminalType(event.type)) {
      for (const [hash, holder] of this.#tokens) {
        const isMine = isTerminalType(event.type) ? holder.startsWith(`${runId} `) : holder === me;
        if (isMine) this.#tokens.delete(hash);
      }
    }
  }

  /** D1, L4, X1, T4: how a row may change. */
  #row(runId: string, seen: Seen, row: RunRecord, fresh: readonly LogEvent[]): void {
    const before = seen.row;
    if (row.tail !== seen.digests.length) this.#report("L1", runId, `the row's tail ${row.tail} is not the log's`);
    if (isRowEnded(row)) {
      if (!seen.ended) this.#report("X1", runId, `the row says ${row.status} and the log does not`);
      if (row.owner !== null || row.wakeAt !== null)
        this.#report("T4", runId, "an ended run is claimed or will be woken");
    }
    // The retry of a background step is nothing to a driver.
    const outside = fresh.find(({ key, type }) => key !== null && type !== "step_retrying");
    const isIdle = row.owner === null && row.parked === null && !isRowEnded(row);
    if (outside !== undefined && isIdle && (row.wakeAt === null || row.wakeAt > this.#parts.store.now())) {
      this.#report("Q1", runId, `nobody is woken for the ${outside.type} at ${outside.position}`);
    }
    if (before === null) return;
    this.#losses(runId, seen, before, row);
    this.#change(runId, before, row, fresh);
  }

  #change(runId: string, before: RunRecord, row: RunRecord, fresh: readonly LogEvent[]): void {
    if (row.epoch < before.epoch) this.#report("D1", runId, `the epoch went from ${before.epoch} to ${row.epoch}`);
    if (isRowEnded(before) && fresh.length > 0) this.#report("L6", runId, "a log grew after its end");
    if (row.owner === null || before.owner === row.owner) return;
    if (before.owner !== null) this.#takeover(runId, before, row);
    if (row.epoch === before.epoch) this.#report("D1", runId, `it changed hands without a new epoch (${row.epoch})`);
  }

  /** Q3: a run is parked as stalled when five claims in a row were lost without progress, and only then. */
  #losses(runId: string, seen: Seen, before: RunRecord, row: RunRecord): void {
    if (before.parked !== null && row.parked === null) seen.lostClaims = 0;
    if (row.epoch === before.epoch) return;
    const isLost = before.owner !== null && before.tail === seen.claimTail;
    seen.lostClaims = isLost ? seen.lostClaims + 1 : 0;
    seen.claimTail = row.tail;
    const isStalled = row.parked?.reason === "stalled";
    if (isStalled === seen.lostClaims >= lostClaimsMax) return;
    const said = isStalled ? "is parked as stalled" : "goes on to be claimed";
    this.#report("Q3", runId, `the run ${said} when ${seen.lostClaims} claims in a row were lost without progress`);
  }

  /** S3, D1: only who is no longer alive is taken over. */
  #takeover(runId: string, before: RunRecord, row: RunRecord): void {
    const { store } = this.#parts;
    const beat = store.space.beats.get(before.owner ?? "");
    if (beat === undefined) return;
    const leftMs = beat.at + beat.leaseMs - store.now();
    if (leftMs > 0) {
      this.#report("S3", runId, `${row.owner} took the run from ${before.owner}, whose lease had ${leftMs} ms left`);
    }
  }
}

const isRowEnded = ({ status }: RunRecord): boolean =>
  status === "completed" || status === "failed" || status === "cancelled";

/** All of an event, payload included. */
function digestOf(event: LogEvent): string {
  const { payload, ...rest } = event;
  const bytes = payload === null ? "" : Buffer.from(payload).toString("latin1");
  return `${JSON.stringify(rest)}${bytes}`;
}
