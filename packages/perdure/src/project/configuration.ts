/** The shape of a Perdure configuration, and its check. Pure. */

import type { WorkerOptions } from "@perdure/core";
import { ConfigError, nearestName } from "@perdure/errors";
import type { StoreOperations, World } from "@perdure/world";

/** Opens a world; `localWorld({ path })` gives one. Called once per process, when the world is first needed. */
export interface WorldFactory {
  (): World | Promise<World>;
  /** What the command line does with the world's store, where a backend offers it. */
  readonly operations?: StoreOperations;
}

/** The content of `perdure.config.ts`. Every part is optional. */
export interface PerdureConfiguration {
  /** The world that holds the runs; default: SQLite in `.perdure/perdure.db` beside the project's package.json. */
  readonly world?: WorldFactory;
  /** Runs of different namespaces see nothing of each other. It names the namespace of the default world; default `default`. */
  readonly namespace?: string;
  /** `false`: processes that load `perdure/register` are clients only. Otherwise the settings of their worker. */
  readonly worker?: false | WorkerOptions;
}

type Check = (value: unknown) => string | null;

const count: Check = (value) => (Number.isSafeInteger(value) && Number(value) >= 1 ? null : "a whole number from 1");

const workerChecks: Readonly<Record<keyof WorkerOptions, Check>> = {
  mode: (value) => (value === "resident" || value === "replay" ? null : '"resident" or "replay"'),
  role: (value) =>
    value === "both" || value === "orchestrate" || value === "execute" ? null : '"both", "orchestrate" or "execute"',
  stepsPerWorker: count,
  stepsPerRun: count,
  queues: (value) =>
    isRecord(value) && Object.values(value).every((limit) => count(limit) === null)
      ? null
      : "an object whose values are whole numbers from 1",
  claimedRunsMax: count,
  residentRunsMax: count,
  turnLimitMs: count,
  holdMs: count,
  sweepMs: count,
  leaseMs: count,
  stuckAfterMs: count,
};

const checks: Readonly<Record<keyof PerdureConfiguration, Check>> = {
  world: (value) =>
    typeof value === "function" ? null : "a function that opens a world, such as localWorld({ path: … })",
  namespace: (value) => (isNamespace(value) ? null : "a text of 1 to 64 letters, digits, dots, dashes and underscores"),
  worker: (value) => (value === false || isRecord(value) ? null : "false or an object of settings"),
};

const isNamespace = (value: unknown): boolean => typeof value === "string" && /^[\w.-]{1,64}$/.test(value);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * The value as a configuration. Throws `ConfigError` for another shape: what was expected, what was found, and which key was
 * probably meant. `where` is the file, for the message.
 */
export function checkConfiguration(value: unknown, where: string): PerdureConfiguration {
  if (!isRecord(value)) throw wrongType("The configuration", "an object: defineConfig({ … })", value, where);
  checkRecord(value, checks, "", where);
  const { worker } = value;
  if (isRecord(worker)) checkRecord(worker, workerChecks, "worker.", where);
  return value as PerdureConfiguration;
}

function checkRecord(
  record: Record<string, unknown>,
  known: Readonly<Record<string, Check>>,
  prefix: string,
  where: string,
): void {
  for (const [key, value] of Object.entries(record)) {
    const check = Object.hasOwn(known, key) ? known[key] : undefined;
    if (check === undefined) throw unknownKey(key, Object.keys(known), prefix, where);
    const expected = value === undefined ? null : check(value);
    if (expected !== null) throw wrongType(`"${prefix}${key}"`, expected, value, where);
  }
}

function unknownKey(key: string, known: readonly string[], prefix: string, where: string): ConfigError {
  const nearest = nearestName(key, known);
  const all = `Known: ${known.map((name) => prefix + name).join(", ")}.`;
  return new ConfigError(`The configuration has an unknown key "${prefix}${key}".`, {
    where: { file: where },
    hint: nearest === null ? all : `Did you mean "${prefix}${nearest}"? ${all}`,
  });
}

function wrongType(what: string, expected: string, value: unknown, where: string): ConfigError {
  return new ConfigError(`${what} must be ${expected}, and is ${describe(value)}.`, { where: { file: where } });
}

/** The kind of a value, never its content: a configuration holds secrets. */
function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Promise) return "a promise";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
