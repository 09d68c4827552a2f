import {
  type ParkedInfo,
  parkedHint,
  RunParkedError,
  sentenceOf,
  UndecodableError,
  WorkflowRunCancelledError,
  WorkflowRunEndedError,
  WorkflowRunFailedError,
  WorkflowRunNotFoundError,
} from "@perdure/errors";
import { hydrate } from "@perdure/serde";
import { isEnded, isId, type LogEvent, type RunRecord, type RunStatus, type World } from "@perdure/world";
import { systemEnv } from "../env.ts";
import { checkOptions } from "./call-options.ts";
import { failurePlace } from "./failure-place.ts";
import { outsideKey } from "./outside-key.ts";
import { worldOf } from "./runtime.ts";

/** One look at the store waits this long for the end of a run before it looks again. */
const waitMs = 30_000;

/** Options of {@link getRun}. */
export interface GetRunOptions {
  /** The world that holds the run; default: the configured one. */
  readonly world?: World;
}

/** A run, seen from outside. The properties are read from the store each time they are asked for. */
export interface Run<Result> {
  readonly runId: string;
  readonly exists: Promise<boolean>;
  /** `pending`, `running`, `completed`, `failed` or `cancelled`. A parked run is `running`. */
  readonly status: Promise<RunStatus>;
  /**
   * What the workflow returned, once it has. Rejects with `WorkflowRunFailedError` (its `cause` is what the workflow
   * threw), `WorkflowRunCancelledError`, `WorkflowRunNotFoundError`, or, as soon as the run is parked, `RunParkedError`.
   */
  readonly returnValue: Promise<Result>;
  readonly workflowName: Promise<string>;
  readonly createdAt: Promise<Date>;
  readonly startedAt: Promise<Date | undefined>;
  readonly completedAt: Promise<Date | undefined>;
  /** Why the run is parked; null when it is not. */
  readonly parked: Promise<ParkedInfo | null>;
  /** As `returnValue`, but waits on while the run is parked. */
  wait(): Promise<Result>;
  /** Ends the run at once: no workflow code runs after it. Throws `WorkflowRunEndedError` when it had already ended. */
  cancel(options?: { readonly cancelReason?: string }): Promise<void>;
  /** Puts a parked run back to work. False: it was not parked. */
  unpark(): Promise<boolean>;
}

/**
 * The handle of a run, by its id. Synchronous, and never throws: the properties reject with `WorkflowRunNotFoundError`
 * when there is no such run.
 */
export function getRun<Result = unknown>(runId: string, options: GetRunOptions = {}): Run<Result> {
  return runHandle<Result>(runId, options.world);
}

export function runHandle<Result>(runId: string, world: World | undefined): Run<Result> {
  const store = (): Promise<World> => worldOf(world);
  const record = async (): Promise<RunRecord> => await readRun(await store(), runId);
  return {
    runId,
    get exists() {
      return exists(store, runId);
    },
    get status() {
      return record().then((run) => run.status);
    },
    get returnValue() {
      return waitForResult<Result>(store, runId, { throughParking: false });
    },
    get workflowName() {
      return record().then((run) => run.workflowName);
    },
    get createdAt() {
      return record().then((run) => new Date(run.createdAt));
    },
    get startedAt() {
      return record().then((run) => dateOf(run.startedAt));
    },
    get completedAt() {
      return record().then((run) => dateOf(run.endedAt));
    },
    get parked() {
      return record().then((run) => run.parked);
    },
    wait: () => waitForResult<Result>(store, runId, { throughParking: true }),
    cancel: async (options = {}) => {
      checkOptions("cancel()", options, cancelOptions);
      await cancelRun(await store(), runId, options.cancelReason ?? null);
    },
    unpark: async () => {
      const world = await store();
      await readRun(world, runId);
      return await world.unpark(runId);
    },
  };
}

const cancelOptions = { cancelReason: (value: unknown) => (typeof value === "string" ? null : "a text") };

async function exists(store: () => Promise<World>, runId: string): Promise<boolean> {
  return isId("wrun", runId) && (await (await store()).runs.get(runId)) !== null;
}

async function readRun(world: World, runId: string): Promise<RunRecord> {
  const run = isId("wrun", runId) ? await world.runs.get(runId) : null;
  if (run === null) throw new WorkflowRunNotFoundError(runId);
  return run;
}

const dateOf = (ms: number | null): Date | undefined => (ms === null ? undefined : new Date(ms));

async function waitForResult<Result>(
  store: () => Promise<World>,
  runId: string,
  options: { readonly throughParking: boolean },
): Promise<Result> {
  const release = systemEnv.hold();
  try {
    const world = await store();
    for (;;) {
      const run = isId("wrun", runId) ? await world.runs.waitForEnd(runId, waitMs) : null;
      if (run === null) throw new WorkflowRunNotFoundError(runId);
      if (isEnded(run.status)) return await readResult<Result>(world, run);
      if (run.parked !== null) {
        if (!options.throughParking) throw new RunParkedError(runId, run.parked, parkedHint(run.parked.reason));
        await new Promise<void>((resolve) => systemEnv.setTimer(parkedPauseMs, resolve));
      }
    }
  } finally {
    release();
  }
}

/** A run that is parked is looked at this often by those who wait through it. */
const parkedPauseMs = 1_000;

async function readResult<Result>(world: World, run: RunRecord): Promise<Result> {
  const [last] = await world.log.read(run.runId, { after: run.tail - 1, limit: 1 });
  return resultOf<Result>(run, last);
}

function resultOf<Result>({ runId, workflowName }: RunRecord, last: LogEvent | undefined): Result {
  switch (last?.type) {
    case "run_completed":
      return readRecorded(runId, last) as Result;
    case "run_failed":
      throw failureOf(runId, workflowName, last);
    case "run_cancelled":
      throw new WorkflowRunCancelledError(runId, last.data.reason);
    default:
      throw new WorkflowRunNotFoundError(runId);
  }
}

/** What the run's last event holds. Throws `UndecodableError`, with its place, when that is damaged. */
function readRecorded(runId: string, { payload, position, type }: LogEvent): unknown {
  if (payload === null) return undefined;
  try {
    return hydrate(payload);
  } catch (cause) {
    if (!UndecodableError.is(cause)) throw cause;
    throw new UndecodableError(`The payload of the ${type} cannot be read. ${sentenceOf(cause)}`, {
      cause,
      where: { runId, position },
      hint: cause.hint ?? "The store is damaged: restore it from a backup. The run itself has ended.",
    });
  }
}

function failureOf(runId: string, workflow: string, last: LogEvent<"run_failed">): WorkflowRunFailedError {
  const cause = readRecorded(runId, last);
  return new WorkflowRunFailedError(runId, last.data.code, cause, { workflow, ...failurePlace(cause) });
}

async function cancelRun(world: World, runId: string, reason: string | null): Promise<void> {
  await readRun(world, runId);
  const result = await world.log.append(runId, {
    by: "outside",
    key: outsideKey(systemEnv),
    fact: { type: "run_cancelled", correlationId: null, at: null, data: { reason }, payload: null },
  });
  if (result.kind === "appended") return;
  throw new WorkflowRunEndedError(runId, (await readRun(world, runId)).status);
}
