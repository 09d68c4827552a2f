import { nearestName, WorkerSetupError } from "@perdure/errors";

/** What a worker may be told. Every member has a default. */
export interface WorkerOptions {
  /**
   * `resident` (default): an execution stays in memory and is fed new events only. `replay`: every turn rebuilds it from
   * the log; slower, and the strict mode of development and tests.
   */
  readonly mode?: "resident" | "replay";
  /**
   * `orchestrate`: drive runs and their inline steps, and execute no background step. `execute`: background steps alone.
   * `both`: the default.
   */
  readonly role?: "both" | "orchestrate" | "execute";
  /** Step bodies that run at once in this process. Default 200. */
  readonly stepsPerWorker?: number;
  /** Step bodies of one run that run at once in this process. Default 50. */
  readonly stepsPerRun?: number;
  /**
   * Step bodies of a queue that run at once in this process, by the name of the queue. A step names its queue by a property
   * of its function: `charge.queue = "mail"`. Default: no limits of their own.
   */
  readonly queues?: Readonly<Record<string, number>>;
  /** Runs that this worker drives at once. Default 20,000. */
  readonly claimedRunsMax?: number;
  /** Idle executions kept in memory. Default 10,000. */
  readonly residentRunsMax?: number;
  /** Milliseconds of uninterrupted workflow code after which it counts as running away. Default 2,000. */
  readonly turnLimitMs?: number;
  /** A sleep or a retry that is due within this many milliseconds keeps the claim. Default 1,500. */
  readonly holdMs?: number;
  /** Milliseconds between two looks at the store when nothing hints that it changed. Default 1,000. */
  readonly sweepMs?: number;
  /** A claim outlives its worker's last heartbeat by this many milliseconds. Default 3,500. */
  readonly leaseMs?: number;
  /** A worker whose event loop is blocked for longer than this many milliseconds counts as stuck. Default 60,000. */
  readonly stuckAfterMs?: number;
}

export interface WorkerSettings extends Required<WorkerOptions> {
  /** Runs taken in one claim call. */
  readonly claimBatch: number;
  readonly heartbeatMs: number;
}

const defaults: Required<WorkerOptions> = {
  mode: "resident",
  role: "both",
  stepsPerWorker: 200,
  stepsPerRun: 50,
  queues: {},
  claimedRunsMax: 20_000,
  residentRunsMax: 10_000,
  turnLimitMs: 2_000,
  holdMs: 1_500,
  sweepMs: 1_000,
  leaseMs: 3_500,
  stuckAfterMs: 60_000,
};

/** Beats come this many times in a lease, so that a few may be late. */
const beatsPerLease = 4;

/** A claim call takes at most this many runs, so that workers that start together share what is due. */
const claimBatch = 256;

/** What else `startWorker` is told. */
const otherOptions: ReadonlySet<string> = new Set(["world", "keepAlive", "onError", "onConsole", "env"]);

/** What the options that are words may be. */
const wordsOf = { mode: ["resident", "replay"], role: ["both", "orchestrate", "execute"] } as const;

/** The options with their defaults. Throws `WorkerSetupError` for a value that makes no sense. */
export function workerSettings(options: WorkerOptions = {}): WorkerSettings {
  const given = Object.entries(options).filter(([name, value]) => !otherOptions.has(name) && value !== undefined);
  for (const [name] of given) if (!Object.hasOwn(defaults, name)) throw unknownSetting(name);
  const settings = { ...defaults, ...Object.fromEntries(given) };
  const { mode, role, queues, ...counts } = settings;
  for (const [name, value] of Object.entries({ mode, role })) {
    const words: readonly unknown[] = wordsOf[name as keyof typeof wordsOf];
    if (!words.includes(value)) throw wrongSetting(name, words.map((word) => `"${word}"`).join(" or "), value);
  }
  if (!isRecord(queues)) throw wrongSetting("queues", "an object of limits by queue", queues);
  for (const [name, value] of Object.entries(counts)) if (!isCount(value)) throw wrongSetting(name, aCount, value);
  for (const [name, value] of Object.entries(queues)) {
    if (!isCount(value)) throw wrongSetting(`queues.${name}`, aCount, value);
  }
  return { ...settings, claimBatch, heartbeatMs: Math.max(1, Math.floor(settings.leaseMs / beatsPerLease)) };
}

const aCount = "a whole number greater than 0";

function wrongSetting(name: string, expected: string, value: unknown): WorkerSetupError {
  return new WorkerSetupError(`startWorker(): "${name}" must be ${expected}, and is ${String(value)}.`);
}

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

function unknownSetting(name: string): WorkerSetupError {
  const known = [...Object.keys(defaults), ...otherOptions];
  const nearest = nearestName(name, known);
  return new WorkerSetupError(`startWorker() has no option "${name}".`, {
    hint: `${nearest === null ? "" : `Did you mean "${nearest}"? `}Known: ${known.join(", ")}.`,
  });
}

const isCount = (value: unknown): boolean => typeof value === "number" && Number.isInteger(value) && value > 0;
