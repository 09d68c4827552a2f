import type { AppendRequest, AppendResult, ExecutorAppend, Refused } from "./append.ts";
import type { LogEvent, NewDecision, NewFact, RunCreatedData } from "./events.ts";
import type { ParkReason, RunRecord, RunStatus } from "./run-record.ts";
import type { JobDelivery, StepJob } from "./step-jobs.ts";
import type { WorldStreams } from "./streams.ts";

/**
 * A backend. Every method is one atomic call; a rejected promise is a `StoreError` whose `outcome` says whether the
 * call may have been applied. A backend holds no rules of its own: it reads, asks the rules (`admitCreate`,
 * `admitDriverAppend`, `admitOutsideAppend`, `admitExecutorAppend`, `admitStreamAppend`, `takeOver`, `admitRelease`, …),
 * writes atomically, and notifies. An instance is bound to one namespace.
 */
export interface World {
  readonly capabilities: WorldCapabilities;
  /** Identity and state of the store. */
  describe(): Promise<WorldDescription>;
  readonly runs: WorldRuns;
  readonly log: WorldLog;
  readonly claims: WorldClaims;
  readonly steps: WorldSteps;
  readonly hooks: WorldHooks;
  readonly bundles: WorldBundles;
  readonly streams: WorldStreams;
  /**
   * Take a live run out of the driver's hands until somebody mends it. False: the epoch is stale or the run ended. A run
   * that is parked already stays parked as it is.
   */
  park(runId: string, epoch: number, parked: NewParked): Promise<boolean>;
  /** Put a parked run back, to be woken at once. False: it was not parked. */
  unpark(runId: string): Promise<boolean>;
  /** Writing in one transaction with the program's own data. Absent: the store is no database that programs share with it. */
  readonly transactions?: WorldTransactions;
  /** Low-latency hints. They may be lost, doubled and late: `claims.claim` and `claims.poll` alone must be correct. */
  readonly wake?: WorldWake;
  close(): Promise<void>;
}

/** What the engine asks a backend before it chooses a path; it never asks for a backend's name. */
export interface WorldCapabilities {
  /** Whether `ifTail` is honoured. Without it the driver takes the safe path only. */
  readonly compareAndAppend: boolean;
  /** The largest number of events in one append; larger batches are cut. */
  readonly maxEventsPerAppend: number;
}

/** What a store says about itself. */
export interface WorldDescription {
  /** Changes when the store is created anew or restored; resident executions of another incarnation are worthless. */
  readonly incarnation: string;
  readonly namespace: string;
  readonly storeNow: number;
  /** Where the data is, for people: a path, a host and database. Never a secret. */
  readonly location: string;
}

/** Why a run is to be parked; the store adds the moment. */
export interface NewParked {
  readonly reason: ParkReason;
  readonly detail: string;
  readonly position: number | null;
}

/** Runs as wholes: creation, rows, lists, and waiting for an end. */
export interface WorldRuns {
  /**
   * Create a run with its first events, and claim it for a worker, in one call. Sending the same run id again answers
   * `created` with the log as it is by then; `released` then also says whether that first claim is gone.
   */
  create(request: CreateRequest): Promise<CreateResult>;
  get(runId: string): Promise<RunRecord | null>;
  /** Newest first, and stable: runs that are created later never move a page. A cursor that no page gave: `InvalidCursorError`. */
  list(filter: RunFilter): Promise<Page<RunRecord>>;
  /** Resolves when the run has ended or is parked, at the latest after `timeoutMs`; null when there is no such run. */
  waitForEnd(runId: string, timeoutMs: number): Promise<RunRecord | null>;
}

/**
 * The events after `run_created`, when the starter is itself a worker and has run the first turn before writing. It
 * claims the run under epoch 1 and counts as the claim's append with n = 1; the driver's next one has n = 2.
 */
export interface EagerStart {
  readonly worker: string;
  readonly facts: readonly NewFact[];
  readonly decisions: readonly NewDecision[];
  /** As in an append: give the claim back in the same commit. */
  readonly release: { readonly wakeAt: number | null } | null;
}

/** A run to be created. */
export interface CreateRequest {
  readonly runId: string;
  /** `namespace` is filled in by the world. */
  readonly created: Omit<RunCreatedData, "namespace">;
  readonly input: Uint8Array;
  readonly eager: EagerStart | null;
}

/** How a creation ended; what is not `created` left nothing behind. */
export type CreateResult =
  | {
      readonly kind: "created";
      readonly run: RunRecord;
      /** The whole log so far. */
      readonly events: readonly LogEvent[];
      readonly storeNow: number;
      readonly released: boolean;
    }
  /** Another run holds the key. */
  | { readonly kind: "existing"; readonly run: RunRecord }
  | Refused;

/** Which runs to list, and how many at once. */
export interface RunFilter {
  readonly status?: RunStatus;
  readonly workflowId?: string;
  readonly parked?: boolean;
  readonly limit: number;
  readonly cursor?: string;
}

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; null on the last page. */
  readonly cursor: string | null;
}

/** The logs of runs. */
export interface WorldLog {
  /** Events after a position, in order: always a prefix of what will ever be there. Of an unknown run: none. */
  read(runId: string, range: { readonly after: number; readonly limit: number }): Promise<readonly LogEvent[]>;
  /** Writes all of the request or nothing. Rejects with `WorkflowRunNotFoundError` when there is no such run. */
  append(runId: string, request: AppendRequest): Promise<AppendResult>;
}

/** Who drives which run. */
export interface WorldClaims {
  /**
   * Announce a worker, and prove that it lives; a claim is valid while its worker's last beat is younger than its lease.
   * A worker beats before it claims or creates eagerly: one that never beat counts as lost. `STORE_RESTORED`, here and from
   * the other calls of a worker: the store lacks what it had acknowledged, and no call of this worker is served any more.
   */
  heartbeat(worker: WorkerInfo): Promise<void>;
  /**
   * Take due runs that nobody drives: those of workers that are no longer alive first, then unclaimed ones, one of each
   * workflow in turn, the longest due first (see `inTurns`). It may take fewer than `max` although more are due; then
   * `nextWakeAt` says so. It waits for nobody: what others are just taking is theirs.
   */
  claim(request: ClaimRequest): Promise<ClaimResult>;
  /**
   * The worker's claimed runs to which somebody else has written since the driver's last append, and those that somebody
   * else ended while it held them: see `isPolled`. With `held`: every run that the worker has claimed. That is asked for
   * after an answer was lost, by which the worker may hold runs that it has never heard of.
   */
  poll(workerId: string, which?: "moved" | "held"): Promise<readonly PolledRun[]>;
  /**
   * Give a claim back. `moved`: the tail is not `ifTail`, keep driving. `fenced`: it was no longer yours. Sending it again
   * is safe: see `admitRelease`.
   */
  release(runId: string, release: ReleaseRequest): Promise<"released" | "moved" | "fenced">;
  /** The worker is gone for good; whatever it still held may be claimed at once. */
  retire(workerId: string): Promise<void>;
  /**
   * CommonJS source of a module `(data) => ({ beat(worker), close() })` that beats from a thread of its own, so that a step
   * which blocks the event loop does not lose its worker's runs. Both may answer a promise; the next beat is asked for
   * only when the one before is answered. A beat that is rejected with an error whose `code` is `STORE_RESTORED` is asked for
   * once more by `heartbeat`, which says the rest. Null: beat from the event loop. Throws where such a thread is missing because
   * of how the program was built; it is told, and the event loop beats.
   */
  heartbeatThread(worker: WorkerInfo): { readonly source: string; readonly data: unknown } | null;
}

/** A worker as it announces itself. */
export interface WorkerInfo {
  readonly id: string;
  /** How long a claim outlives the last beat. */
  readonly leaseMs: number;
  /** Ids of the workflows that this worker can drive. */
  readonly workflows: readonly string[];
}

/** Who wants runs to drive, and how many at most. */
export interface ClaimRequest {
  readonly worker: WorkerInfo;
  readonly max: number;
  /**
   * Runs that the worker was told of by hints since its last claim. A backend may look at these alone and answer with what
   * it could take of them, and a `nextWakeAt` that has passed: one run that is named is found faster than any run that is due.
   */
  readonly hinted?: readonly string[];
}

/** The runs that the worker drives from now on. */
export interface ClaimResult {
  readonly runs: readonly ClaimedRun[];
  readonly storeNow: number;
  /**
   * When the next run that this worker could take is due; null: nothing is scheduled. May be in the past: more are due.
   * The loss of another worker is not foreseen here, but in `nextLossAt`.
   */
  readonly nextWakeAt: number | null;
  /**
   * When the first of the other workers that may hold such runs is lost, unless it beats before; null: nobody does. Runs
   * that are claimed after this answer are not foreseen: ask again before a lease is over.
   */
  readonly nextLossAt: number | null;
}

/** A run with the epoch of the new claim. */
export interface ClaimedRun {
  readonly run: RunRecord;
  readonly epoch: number;
}

/** A run of a worker to which somebody else wrote. */
export interface PolledRun {
  readonly runId: string;
  readonly epoch: number;
  readonly tail: number;
  readonly status: RunStatus;
}

/** A claim to be given back, and when the run is due again (store clock; null: by an outside event only). */
export interface ReleaseRequest {
  readonly epoch: number;
  readonly ifTail: number;
  readonly wakeAt: number | null;
}

/**
 * Background steps: attempts that any worker may run, whoever drives the run. A job is made by the append of the
 * `step_created`, and goes with the result or with the run, in the same commit each.
 */
export interface WorldSteps {
  /**
   * Take jobs that are ready and at nobody: those of workers that are no longer alive first, then the longest ready
   * first. Each is another delivery. The worker has beaten before. When more are ready than it takes, a world may take some
   * of runs in turn, so that no job waits behind all those of another run.
   */
  claim(request: JobClaimRequest): Promise<JobClaimResult>;
  /** Every job that the worker has taken and that has no result yet. A body whose job is missing here is to stop. */
  held(workerId: string): Promise<readonly StepJob[]>;
  /** Give a job back, to be taken at once. False: it is another delivery, somebody else's, or gone. */
  release(workerId: string, runId: string, delivery: JobDelivery): Promise<boolean>;
}

/** Who wants bodies to run, of which steps, and how many at most. */
export interface JobClaimRequest {
  readonly workerId: string;
  /** Ids of the steps that this worker can execute. */
  readonly steps: readonly string[];
  readonly max: number;
}

/** The attempts that the worker is to run now. */
export interface JobClaimResult {
  readonly jobs: readonly ClaimedJob[];
  readonly storeNow: number;
  /** When the next job of these steps is ready; null: none waits. As in {@link ClaimResult}. */
  readonly nextReadyAt: number | null;
  /** When the first of the other workers that may have such jobs is lost, unless it beats before. As in {@link ClaimResult}. */
  readonly nextLossAt: number | null;
}

/** A job as the worker has taken it, with the call that it is about. */
export interface ClaimedJob {
  readonly job: StepJob;
  readonly created: LogEvent<"step_created">;
  /** What bodies are told of their run. */
  readonly run: Pick<RunRecord, "workflowName" | "startedAt">;
}

/** Hooks across runs. */
export interface WorldHooks {
  /** The open hook that holds a token, by the token's SHA-256 (lower-case hex). */
  find(tokenHash: string): Promise<OpenHook | null>;
}

/** An open hook, and the run whose it is. */
export interface OpenHook {
  readonly runId: string;
  readonly correlationId: string;
  /** Position of its `hook_created`. */
  readonly position: number;
}

/** A transaction of a program, as far as a store needs it. The clients of `pg` fit. */
export interface TransactionClient {
  /** Runs one statement that has no parameters; a row has a property for each column. */
  query(text: string): Promise<{ readonly rows: readonly unknown[] }>;
}

/** What a store writes together with what a program writes to the same database. */
export interface WorldTransactions {
  /**
   * Create a run as part of a transaction that the caller has begun, and that the caller ends: until its commit nobody sees
   * the run, and after a rollback there is none. A key that another run holds does not disturb the transaction. What the
   * transaction itself rejects with is passed on as it is.
   */
  create(transaction: TransactionClient, request: Omit<CreateRequest, "eager">): Promise<TransactedCreation>;
  /**
   * Begin a transaction, run `body` in it, and commit what it wrote together with the append that it resolves to. The append
   * is judged last, by the rules of an executor's; when it is not written now, the transaction is rolled back: `refused`, or
   * `appended` by an earlier call with the same key. What `body` or the commit rejects with is passed on, after a rollback;
   * a `StoreError` whose outcome is `unknown` says that the commit may have been made.
   */
  append(runId: string, body: (transaction: StepTransaction) => Promise<ExecutorAppend>): Promise<AppendResult>;
}

/** A transaction that a store has begun, for a body that runs in it. Of no use after the body. */
export interface StepTransaction extends TransactionClient {
  /** Runs one statement, with values in the place of `$1`, `$2` …; a row has a property for each column. */
  query<Row = Record<string, unknown>>(
    statement: string | StatementConfig,
    values?: readonly unknown[],
  ): Promise<StatementResult<Row>>;
}

/** A statement with its values; what else it holds is the client's own. */
export interface StatementConfig {
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** What a statement came to. */
export interface StatementResult<Row> {
  readonly rows: Row[];
  readonly rowCount: number | null;
}

/** How a creation inside of a transaction ended. `existing`: that run holds the key. */
export interface TransactedCreation {
  readonly kind: "created" | "existing";
  readonly runId: string;
}

/** Compiled workflow code, by the hash of its content. */
export interface WorldBundles {
  /** Content-addressed: storing the same id twice is harmless. */
  put(id: string, bytes: Uint8Array): Promise<void>;
  get(id: string): Promise<Uint8Array | null>;
}

/** Push notifications from the store. */
export interface WorldWake {
  /** Calls back when runs may have become due or claimed runs may have moved. Returns the way to stop. */
  listen(callback: (hint: WakeHint) => void): () => void;
}

/** `runId` null: anything may have changed. */
export interface WakeHint {
  readonly runId: string | null;
}
