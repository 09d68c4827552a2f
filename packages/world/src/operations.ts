/**
 * What a backend offers to the people who operate it, beside the world that programs use. The factory of a world carries
 * it, so that the command line can reach a store that cannot be opened yet, and knows no backend by name.
 */
import type { RunStatus } from "./run-record.ts";

/** The chores of one backend. Each call opens what it needs and closes it again. */
export interface StoreOperations {
  /** The word by which the command line addresses this backend: `perdure postgres …`. */
  readonly backend: string;
  /** Makes the tables, or brings them up to date. Safe to repeat after it was interrupted anywhere. */
  migrate(request: { readonly dryRun: boolean }): Promise<MigrationReport>;
  status(): Promise<StoreStatus>;
  /** Deletes what ended long ago, and bundles that nothing needs any more. */
  purge(request: PurgeRequest): Promise<PurgeReport>;
  /** Looks for what will hurt later, and says what to do about it. */
  doctor(): Promise<readonly DoctorFinding[]>;
}

/** What a migration has done, or would do. */
export interface MigrationReport {
  readonly location: string;
  /** The version that was found; 0: there were no tables. */
  readonly from: number;
  readonly to: number;
  /** The statements, in order; empty when nothing was to be done. */
  readonly sql: readonly string[];
}

/** A store as it is at one moment. Counts are of one namespace. */
export interface StoreStatus {
  readonly location: string;
  readonly namespace: string;
  /** Version of the database server, as it names itself. */
  readonly server: string;
  readonly schemaVersion: number;
  /** When it was last noticed that the store was put back to an earlier state; null: never. */
  readonly restoredAt: number | null;
  readonly runs: Readonly<Record<RunStatus, number>>;
  /** Parked runs by reason. */
  readonly parked: Readonly<Record<string, number>>;
  /** Runs that any worker may take now. */
  readonly due: number;
  /** How long the first of them has been waiting, in milliseconds; null: none is due. */
  readonly oldestDueMs: number | null;
  /** Runs that become due later by themselves. */
  readonly scheduled: number;
  readonly workers: readonly WorkerStatus[];
  readonly tables: readonly TableStatus[];
}

/** A worker that beats, or that still holds claims. */
export interface WorkerStatus {
  readonly id: string;
  readonly alive: boolean;
  /** Since its last beat; null: it never beat, or has retired. */
  readonly beatAgeMs: number | null;
  readonly leaseMs: number | null;
  /** How many runs it holds. */
  readonly claims: number;
}

/** A table of the store, over all namespaces. */
export interface TableStatus {
  readonly name: string;
  /** With indexes and what is stored beside the rows. */
  readonly bytes: number;
  /** Estimates of the server. */
  readonly rows: number;
  readonly deadRows: number;
}

/** What to delete. */
export interface PurgeRequest {
  /** Runs that ended longer ago than this; at least a minute. */
  readonly olderThanMs: number;
  /** Only runs that ended so; null: all that have ended. */
  readonly status: EndedStatus | null;
  /** Only counts. */
  readonly dryRun: boolean;
}

/** How a run can have ended. */
export type EndedStatus = Extract<RunStatus, "completed" | "failed" | "cancelled">;

/** What was deleted, or would be. */
export interface PurgeReport {
  readonly runs: number;
  readonly events: number;
  readonly bundles: number;
}

/** One thing that was looked at. */
export interface DoctorFinding {
  readonly check: string;
  readonly level: "ok" | "warning" | "problem";
  readonly found: string;
  /** What to do; null when all is well. */
  readonly advice: string | null;
}
