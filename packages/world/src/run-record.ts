import type { ParkedInfo, ParkReason } from "@perdure/errors";
import type { IsolationMode } from "./events.ts";

/** What people see: `pending` until the first driver took the run up, then `running` until it ended. */
export type RunStatus = "pending" | "running" | "completed" | "failed" | "cancelled";

export type { ParkReason };

/** A parked run's state, outside of the log. `reason` is a {@link ParkReason}, or one that a newer version wrote. */
export type Parked = ParkedInfo;

/** One row per run: everything about it that is not in the log, and a digest of what is. */
export interface RunRecord {
  readonly runId: string;
  readonly namespace: string;
  /** The caller's own name for the run, unique within the namespace. */
  readonly key: string | null;
  readonly workflowId: string;
  readonly workflowName: string;
  readonly bundleId: string;
  readonly isolation: IsolationMode;
  readonly parentRunId: string | null;
  readonly rootRunId: string;
  readonly status: RunStatus;
  readonly tail: number;
  /** `at` of the newest fact. */
  readonly lastAt: number;
  /** Rises by one with each claim; an append that carries an older one is refused. */
  readonly epoch: number;
  /** The worker that holds the claim, or null. */
  readonly owner: string | null;
  /** The worker whose claim was ended by an outside writer's terminal event, so that its poll can tell it; else null. */
  readonly endedOwner: string | null;
  /** The driver's last append within the current epoch; answers a re-sent one. */
  readonly lastAppend: AppendMark | null;
  readonly parked: Parked | null;
  /**
   * Store clock at which a worker should look at the run; null: only an outside event wakes it. Of no meaning while the
   * run is claimed: a lost claim is due at once.
   */
  readonly wakeAt: number | null;
  /** Claims in a row that ended by expiry with the tail where they found it. */
  readonly expiries: number;
  /** The tail that the current claim found. */
  readonly claimTail: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** Identifies one append of one claim and the positions that it wrote. */
export interface AppendMark {
  readonly n: number;
  readonly first: number;
  readonly last: number;
}

/** True when the run has ended and its log is closed. */
export const isEnded = (status: RunStatus): boolean =>
  status === "completed" || status === "failed" || status === "cancelled";
