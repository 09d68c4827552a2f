/**
 * The way of every change of one run: judge, write, and judge again when the run was not as it was judged.
 *
 * W1 A change is judged by what is remembered, and written by a statement that refuses a row which has changed since.
 * W2 An answer that writes nothing (fenced, moved, refused, a repetition) is given only by a row that this call has read.
 * W3 Of this process, one change of a run is under way at a time; others wait for their turn here, and not for locks.
 * W4 After some tries that others overtook, the row is locked first. So no storm of other writers keeps a change away.
 * W5 Only what is durable is remembered and announced.
 * W6 In a transaction of somebody else's, the row is locked last: for the write and the commit, and for nothing else.
 * W7 What was begun before the store was put back to an earlier state is refused: see `restoration.ts`.
 */
import { invariant } from "@perdure/errors";
import type { Admitted, JobChanges, RunRecord, RunView } from "@perdure/world";
import type { Queries } from "./database.ts";
import { KeyedTurns } from "./keyed-turns.ts";
import type { VersionedRun } from "./run-rows.ts";
import { type LoadedRun, noKeys, type WrittenKeys } from "./run-store.ts";
import type { RunChange, WriteResult } from "./run-writes.ts";
import type { Store } from "./store.ts";
import { TokenOwners } from "./token-changes.ts";
import type { Seat } from "./write-lane.ts";

/** After so many tries that others overtook, the row is locked. */
const overtakenMax = 3;

/** What a change is judged by. */
export interface Situation {
  readonly stored: VersionedRun;
  readonly storeNow: number;
  /** See `AdmitContext`. */
  readonly tokenOwner: (tokenHash: string) => string | null;
  /** The positions that outside keys of the change have written before. */
  readonly writtenBefore: WrittenKeys;
  /** A job was not at the delivery that was assumed before: it is to be read. */
  readonly mustReadJobs: boolean;
  /** On which connection to read on. */
  readonly queries: Queries;
}

/** Who should look at a run that has changed: the worker that drives it, or any one (null). */
export interface Hint {
  readonly owner: string | null;
  /** Its jobs have changed, which concerns others than who drives the run. */
  readonly jobs: boolean;
}

/** What is to be done about a change: nothing but an answer, or a write and the answer to it. */
export type Judgement<T> =
  /** `answer` is asked for only when it is given. */
  | { readonly kind: "answer"; readonly answer: () => T | Promise<T> }
  | {
      readonly kind: "append";
      readonly admitted: Admitted;
      readonly view: RunView;
      readonly jobs: JobChanges;
      readonly hint: Hint | null;
      readonly answer: (storeNow: number) => T;
    }
  /** `needsClock`: the new row holds the store's time. */
  | {
      readonly kind: "row";
      readonly run: RunRecord;
      readonly needsClock: boolean;
      readonly hint: Hint | null;
      readonly answer: T;
    };

export interface ChangeOptions<T> {
  /** Idempotency keys of those who do not drive. Which of them were used is read with the row, each time anew. */
  readonly outsideKeys?: readonly string[];
  /** Of a change that rests on a claim or a job: `restoration.generation` when the work was begun (W7). */
  readonly begunIn?: number;
  readonly missing: () => T;
  readonly judge: (situation: Situation) => Judgement<T> | Promise<Judgement<T>>;
}

type Attempt<T> = { readonly kind: "done"; readonly value: T } | Wrote<T>;

type Writing<T> = Exclude<Judgement<T>, { readonly kind: "answer" }>;

interface Wrote<T> {
  readonly kind: "wrote";
  readonly judgement: Writing<T>;
  readonly version: number;
  readonly result: WriteResult;
}

const runOf = (judgement: Writing<unknown>): RunRecord =>
  judgement.kind === "append" ? judgement.admitted.run : judgement.run;

export class RunChanges {
  readonly #store: Store;
  readonly #turns = new KeyedTurns();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Resolves with the answer once the change is durable, or once it is certain that there is none. */
  change<T>(runId: string, options: ChangeOptions<T>): Promise<T> {
    return this.changeInTurn(runId, () => options);
  }

  /** The same, for a change that is put together once its turn has come. */
  changeInTurn<T>(runId: string, options: () => ChangeOptions<T>): Promise<T> {
    return this.#turns.take(runId, () => this.#untilDone(runId, new Change(this.#store, runId, options())));
  }

  /**
   * The last act of a transaction that somebody else has begun: the row is locked, the change is judged and written, and
   * `commit` is called when something was written. `isCommitted` false: it was not, and the transaction is to be rolled back.
   */
  changeLast<T>(
    queries: Queries,
    runId: string,
    options: ChangeOptions<T> & { readonly commit: () => Promise<void> },
  ): Promise<{ readonly value: T; readonly isCommitted: boolean }> {
    return this.#turns.take(runId, async () => {
      await this.#store.runs.lock(queries, runId);
      const change = new Change(this.#store, runId, options);
      change.distrust();
      for (;;) {
        const attempt = await change.attempt(queries);
        if (attempt.kind === "done") return { value: attempt.value, isCommitted: false };
        const { outcome } = attempt.result;
        const isExpected = outcome === "written" || outcome === "clock" || outcome === "jobs";
        invariant(isExpected, `the row of ${runId} is locked, and is ${outcome}`);
        if (outcome === "written") await options.commit();
        const answer = await change.settle(attempt);
        if (answer !== null) return { value: answer.value, isCommitted: true };
      }
    });
  }

  async #untilDone<T>(runId: string, change: Change<T>): Promise<T> {
    for (;;) {
      const attempt =
        change.overtaken < overtakenMax
          ? await change.attempt(this.#store.database)
          : await this.#store.database.transaction(async (queries) => {
              await this.#store.runs.lock(queries, runId);
              change.distrust();
              return change.attempt(queries);
            });
      if (attempt.kind === "done") return attempt.value;
      const answer = await change.settle(attempt);
      if (answer !== null) return answer.value;
    }
  }
}

/** One change on its way. */
class Change<T> {
  readonly #store: Store;
  readonly #runId: string;
  readonly #options: ChangeOptions<T>;
  readonly #tokens = new TokenOwners();
  /** Whether the row is to be read, and not taken from memory. */
  #mustLoad = false;
  /** The store's clock as the last answer said it, for the next attempt alone. */
  #exactNow: number | null = null;
  #mustReadJobs = false;
  overtaken = 0;

  constructor(store: Store, runId: string, options: ChangeOptions<T>) {
    this.#store = store;
    this.#runId = runId;
    this.#options = options;
  }

  /** Read the row before the next attempt. */
  distrust(): void {
    this.#mustLoad = true;
  }

  async attempt(queries: Queries): Promise<Attempt<T>> {
    const { database, lane } = this.#store;
    if (queries !== database) return this.#attempt(queries, null);
    const seat = await lane.seat();
    try {
      return await this.#attempt(queries, seat);
    } finally {
      seat.leave();
    }
  }

  /** `seat`: null in a transaction. */
  async #attempt(queries: Queries, seat: Seat | null): Promise<Attempt<T>> {
    for (;;) {
      this.#assertCurrent();
      const remembered = this.#remembered();
      const loaded = remembered === null ? await this.#load(queries) : null;
      const { stored, storeNow } = remembered ?? loaded ?? {};
      if (stored === undefined || storeNow === undefined) return { kind: "done", value: this.#options.missing() };
      const judgement = await this.#options.judge({
        stored,
        storeNow,
        tokenOwner: this.#tokens.ask(),
        writtenBefore: loaded?.writtenBefore ?? noKeys,
        mustReadJobs: this.#mustReadJobs,
        queries,
      });
      if (judgement.kind !== "answer") {
        const result = await this.#write(this.#changeOf(judgement, stored, storeNow), queries, seat);
        return { kind: "wrote", judgement, version: stored.version + 1, result };
      }
      if (loaded !== null && this.#tokens.isKnown) return { kind: "done", value: await judgement.answer() };
      await this.#learnTokens(queries);
      this.#mustLoad = true;
    }
  }

  /** What a write came to; null: judge again. */
  async settle(attempt: Wrote<T>): Promise<{ readonly value: T } | null> {
    const { judgement, version, result } = attempt;
    this.#store.clock.learnFrom(result);
    switch (result.outcome) {
      case "written":
        return { value: this.#conclude(judgement, version, result.now ?? 0) };
      case "clock":
        this.#exactNow = result.now;
        return null;
      case "tokens":
        this.overtaken += 1;
        await this.#learnTokens(this.#store.database);
        return null;
      default:
        this.#mustReadJobs ||= result.outcome === "jobs";
        this.overtaken += 1;
        this.#mustLoad = true;
        return null;
    }
  }

  #conclude(judgement: Writing<T>, version: number, storeNow: number): T {
    if (judgement.kind === "append") this.#store.cache.advance(judgement.admitted, version, judgement.view);
    else this.#store.cache.remember({ run: judgement.run, version });
    this.#store.announce(runOf(judgement), judgement.hint);
    return judgement.kind === "append" ? judgement.answer(storeNow) : judgement.answer;
  }

  #remembered(): { readonly stored: VersionedRun; readonly storeNow: number } | null {
    const mustLoad = this.#mustLoad || this.#options.outsideKeys !== undefined;
    if (mustLoad || this.#store.cache.isOutrun(this.#runId)) return null;
    const stored = this.#store.cache.get(this.#runId);
    const storeNow = this.#exactNow ?? this.#store.clock.estimate();
    return stored === null || storeNow === null ? null : { stored, storeNow };
  }

  async #load(queries: Queries): Promise<LoadedRun | null> {
    this.#exactNow = null;
    const { database, runs, cache, restoration } = this.#store;
    const acknowledged = cache.acknowledged(this.#runId);
    const keys = this.#options.outsideKeys ?? [];
    const loaded =
      queries === database && keys.length <= 1
        ? await this.#store.load(this.#runId, keys[0])
        : await runs.load(queries, this.#runId, keys);
    if (loaded === null) {
      cache.forget(this.#runId);
      return null;
    }
    await restoration.compareRow(loaded.stored, acknowledged, { isLocked: queries !== database });
    this.#assertCurrent();
    this.#store.clock.learn(loaded.storeNow);
    cache.remember(loaded.stored);
    this.#mustLoad = false;
    return loaded;
  }

  #assertCurrent(): void {
    const { begunIn } = this.#options;
    if (begunIn !== undefined) this.#store.restoration.assertCurrent(begunIn);
  }

  async #learnTokens(queries: Queries): Promise<void> {
    if (this.#tokens.asked.length === 0) return;
    this.#tokens.learn(await this.#store.runs.tokenHolders(queries, this.#tokens.asked));
  }

  #changeOf(judgement: Writing<T>, stored: VersionedRun, storeNow: number): RunChange {
    const isAppend = judgement.kind === "append";
    return {
      run: runOf(judgement),
      version: stored.version,
      storeNow: isAppend || judgement.needsClock ? storeNow : null,
      append: isAppend ? judgement.admitted : null,
      tokens: this.#tokens,
      jobs: isAppend ? judgement.jobs : null,
    };
  }

  #write(change: RunChange, queries: Queries, seat: Seat | null): Promise<WriteResult> {
    const { lane, runs } = this.#store;
    return seat === null ? runs.write(queries, change) : lane.write(change, seat);
  }
}
