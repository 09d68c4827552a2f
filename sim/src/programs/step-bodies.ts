/**
 * What the steps of generated programs answer: pure functions of the step's name, its arguments and the attempt. A step's name
 * is the name of its body, perhaps with a version behind it, as in `work_v2`.
 */
import { FatalError, RetryableError } from "@perdure/errors";

/** What one attempt of a step comes to, and how long it takes. */
export interface StepAnswer {
  readonly kind: "value" | "error" | "fatal" | "retryable";
  readonly value?: unknown;
  readonly message?: string;
  readonly latencyMs: number;
  readonly retryAfterMs?: number;
}

/** The bodies that a step can have. */
export const bodyNames = [
  "work",
  "slow",
  "flaky",
  "twice",
  "once",
  "later",
  "fatal",
  "refuse",
  "broken",
  "echo",
  "rich",
] as const;

/** The name of a body. */
export type BodyName = (typeof bodyNames)[number];

/** What the engine grants a step that says nothing of its retries. */
const maxRetriesDefault = 3;

/** Bodies whose step functions have a `maxRetries` of their own. */
const ownMaxRetries: Readonly<Partial<Record<BodyName, number>>> = { twice: 2, once: 0, broken: 0 };

/** Equal to each other and to the short sleeps of programs often enough to race with them. */
export const shortMs = [0, 0, 1, 1, 3, 7, 20] as const;
const slowMs = [50, 300, 1_500, 6_000] as const;
const retryAfterMs = [0, 5, 50, 2_000, 60_000] as const;

/** The body of a step. Throws for a name that no generated program has. */
export function bodyOf(stepName: string): BodyName {
  const [name] = stepName.split("_");
  const found = bodyNames.find((candidate) => candidate === name);
  if (found === undefined) throw new TypeError(`No generated program has a step ${stepName}.`);
  return found;
}

/** The `maxRetries` that the step's function sets, or undefined where it leaves the default. */
export function ownMaxRetriesOf(stepName: string): number | undefined {
  return ownMaxRetries[bodyOf(stepName)];
}

/** The retries that the engine grants the step. */
export function maxRetriesOf(stepName: string): number {
  return ownMaxRetriesOf(stepName) ?? maxRetriesDefault;
}

/** What this attempt of the step comes to; attempts count from 1. */
export function answerOf(stepName: string, args: readonly unknown[], attempt: number): StepAnswer {
  const body = bodyOf(stepName);
  if (body === "echo") return { kind: "value", value: args[0], latencyMs: 1 };
  const k = numberAt(args, 0);
  const v = numberAt(args, 1);
  const latencyMs = pickBy(body === "slow" ? slowMs : shortMs, k * 3 + v + attempt - 1);
  if (body === "rich") return { kind: "value", value: richValue(k, v), latencyMs };
  const value: StepAnswer = { kind: "value", value: (k * 7 + v * 3) % 100, latencyMs };
  const message = `${body} ${k}, attempt ${attempt}`;
  switch (body) {
    case "flaky":
      return attempt <= (k + v) % 5 ? { kind: "error", message, latencyMs } : value;
    case "twice":
      return attempt <= (k + v) % 4 ? { kind: "error", message, latencyMs } : value;
    case "once":
      return (k + v) % 3 === 0 ? value : { kind: "error", message, latencyMs };
    case "later":
      return attempt <= (k + v) % 3
        ? { kind: "retryable", message, latencyMs, retryAfterMs: pickBy(retryAfterMs, k + attempt) }
        : value;
    case "fatal":
      return (k + v) % 2 === 0 ? value : { kind: "fatal", message, latencyMs };
    case "refuse":
      return { kind: "fatal", message, latencyMs };
    case "broken":
      return { kind: "error", message, latencyMs };
    default:
      return value;
  }
}

/** What all attempts of a step come to, when each is made once. */
export function outcomeOf(stepName: string, args: readonly unknown[]): StepAnswer {
  const attempts = maxRetriesOf(stepName) + 1;
  for (let attempt = 1; attempt < attempts; attempt += 1) {
    const answer = answerOf(stepName, args, attempt);
    if (answer.kind === "value" || answer.kind === "fatal") return answer;
  }
  return answerOf(stepName, args, attempts);
}

/** What the body throws for an answer that is no value. Its stack names no place, so that it is the same everywhere. */
export function errorOf({ kind, message = "", retryAfterMs: retryAfter = 0 }: StepAnswer): Error {
  if (kind === "fatal") return placeless(new FatalError(message));
  if (kind === "retryable") return placeless(new RetryableError(message, { retryAfter }));
  return placeless(new RangeError(message));
}

function richValue(k: number, v: number): unknown {
  const values: readonly (() => unknown)[] = [
    () =>
      new Map<unknown, unknown>([
        ["k", k],
        [v, new Set([k, v])],
      ]),
    () => new Set([new Date(v * 86_400_000), "k", k]),
    () => ({ at: new Date(k * 1_000), big: BigInt(v) ** 7n, nothing: undefined }),
    () => placeless(new RangeError(`outer ${k}`, { cause: placeless(new TypeError(`inner ${v}`)) })),
    () => [-0, Number.NaN, Number.POSITIVE_INFINITY, null, { list: [k, [v]] }],
    () => Uint8Array.of(k, v % 256, 255),
  ];
  return values[k % values.length]?.();
}

function placeless<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

function numberAt(args: readonly unknown[], index: number): number {
  const value = args[index];
  return typeof value === "number" ? Math.abs(Math.trunc(value)) : 0;
}

function pickBy(choices: readonly number[], index: number): number {
  return choices[index % choices.length] ?? 0;
}
