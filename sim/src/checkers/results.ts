/** The result of a program that depends on nothing but its input is the one that the reference interpreter gives. */
import { inspect, isDeepStrictEqual } from "node:util";
import { hydrate } from "@perdure/serde";
import type { LogEvent } from "@perdure/world";
import { type Expected, interpret } from "../programs/interpret.ts";
import type { Inputs, Program } from "../programs/program.ts";

/** What is wrong with the result of a run that has ended; null: nothing, or the program's result depends on more. */
export function wrongResult(events: readonly LogEvent[], program: Program): string | null {
  const last = events.at(-1);
  const [created] = events;
  if (!program.confluent || created?.type !== "run_created" || created.payload === null) return null;
  if (last?.type !== "run_completed" && last?.type !== "run_failed") return null;
  // A step whose workers were lost too often fails, which no program can foresee.
  if (events.some((event) => event.type === "step_failed" && event.data.code === "STEP_LOST")) return null;
  const [inputs] = hydrate(created.payload) as [Inputs];
  const expected = interpret(program, inputs);
  const value = last.payload === null ? undefined : hydrate(last.payload);
  const found: Expected =
    last.type === "run_completed"
      ? { kind: "returned", value }
      : { kind: "thrown", name: value instanceof Error ? value.name : String(value) };
  return isDeepStrictEqual(found, expected)
    ? null
    : `the result is not what the program computes: ${inspect([found, expected], { depth: 6 })}`;
}
