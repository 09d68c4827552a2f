/** The programs of the small scope: little code, and each of them takes about six calls to the store. */
import { isDeepStrictEqual } from "node:util";
import type { LogEvent } from "@perdure/world";
import { value, type WrittenProgram } from "../scenarios/stage/written-program.ts";

/** One call by somebody who drives nothing, at any moment of the path. */
type OutsideCall = "payload" | "cancel" | "none";

export interface SmallProgram extends WrittenProgram {
  readonly name: string;
  readonly outside: OutsideCall;
  /** Whether one answer may be lost on each path. */
  readonly losses: 0 | 1;
  /** What the store can do; default: it compares the tail, so drivers deliver before they write. */
  readonly compareAndAppend?: false;
  /** Whether every interleaving is taken in the usual test run. */
  readonly always: boolean;
  /** Whether this is a result that the program may have with this log. */
  readonly allows: (result: unknown, log: readonly LogEvent[]) => boolean;
}

export const payload = "a payload";
export const token = "inbox";

const add = {
  add: ({ args: [sum] }: { readonly args: readonly unknown[] }) => ({ kind: "value" as const, value: Number(sum) + 1 }),
};

const sequence = {
  workflow: `async () => {
    let sum = 0;
    for (let round = 0; round < 3; round++) sum = await step("add")(sum);
    return sum;
  }`,
  steps: add,
  allows: (result: unknown) => result === 3,
};

const race = {
  workflow: `async () => {
    const first = await Promise.race([step("left")(), step("right")()]);
    return [first, await step("last")()];
  }`,
  steps: { left: value("left"), right: value("right"), last: value("last") },
  allows: (result: unknown, log: readonly LogEvent[]) => {
    const [left] = log.flatMap((event) => (event.type === "step_created" ? [event.correlationId] : []));
    const winner = log.find(({ type }) => type === "step_completed");
    return isDeepStrictEqual(result, [winner?.correlationId === left ? "left" : "right", "last"]);
  },
};

const waiting = {
  workflow: `async () => {
    const hook = createHook({ token: ${JSON.stringify(token)} });
    const first = await Promise.race([hook, sleep(1_000).then(() => "slept")]);
    return [first, await step("last")()];
  }`,
  steps: { last: value("last") },
  allows: (result: unknown, log: readonly LogEvent[]) => {
    const winner = log.find(({ type }) => type === "hook_received" || type === "wait_completed");
    return isDeepStrictEqual(result, [winner?.type === "hook_received" ? payload : "slept", "last"]);
  },
};

const failing = {
  workflow: `async () => {
    try {
      await step("doomed")();
    } catch (error) {
      return [error.name, await step("flaky")()];
    }
  }`,
  steps: {
    doomed: () => ({ kind: "fatal" as const, message: "no" }),
    flaky: ({ body: { attempt } }: { readonly body: { readonly attempt: number } }) =>
      attempt === 1
        ? { kind: "retryable" as const, message: "again", retryAfterMs: 0 }
        : { kind: "value" as const, value: "in the end" },
  },
  allows: (result: unknown) => isDeepStrictEqual(result, ["FatalError", "in the end"]),
};

const slow = {
  workflow: `async () => {
    createHook({ token: ${JSON.stringify(token)} });
    return await Promise.all([step("slow")(), step("quick")()]);
  }`,
  steps: { slow: value("slow", 10), quick: value("quick") },
  allows: (result: unknown) => isDeepStrictEqual(result, ["slow", "quick"]),
};

export const smallPrograms: readonly SmallProgram[] = [
  { ...sequence, name: "steps in a row", outside: "none", losses: 0, always: true },
  { ...race, name: "a race of steps", outside: "none", losses: 0, always: true },
  { ...waiting, name: "a hook against a sleep", outside: "none", losses: 0, always: true },
  { ...failing, name: "steps that fail", outside: "none", losses: 0, always: true },
  { ...slow, name: "a slow step", outside: "none", losses: 0, always: false },
  { ...slow, name: "a slow step, a payload", outside: "payload", losses: 0, always: false },
  { ...sequence, name: "steps in a row, an answer lost", outside: "none", losses: 1, always: false },
  { ...race, name: "a race of steps, an answer lost", outside: "none", losses: 1, always: false },
  { ...waiting, name: "a hook against a sleep, an answer lost", outside: "none", losses: 1, always: false },
  { ...failing, name: "steps that fail, an answer lost", outside: "none", losses: 1, always: false },
  { ...waiting, name: "a hook against a sleep, a payload", outside: "payload", losses: 0, always: false },
  { ...race, name: "a race of steps, facts first", outside: "none", losses: 0, always: true, compareAndAppend: false },
  { ...sequence, name: "steps in a row, a cancellation", outside: "cancel", losses: 0, always: false },
  { ...race, name: "a race of steps, a cancellation", outside: "cancel", losses: 0, always: false },
];
