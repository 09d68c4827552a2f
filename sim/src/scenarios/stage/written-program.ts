/** Workflows that are written for a scenario, as the compiler would write them, and the answers of their steps. */
import { bundleOf, workflowId } from "@perdure/core/simulation";
import type { BodyRun } from "../../ledger/bodies.ts";
import type { CompiledProgram } from "../../programs/compile.ts";
import type { StepAnswer } from "../../programs/step-bodies.ts";

/** What one start of a step body comes to. */
export type StepScript = (call: {
  readonly args: readonly unknown[];
  readonly body: BodyRun;
}) => Omit<StepAnswer, "latencyMs"> & { readonly latencyMs?: number };

export interface WrittenProgram {
  /** The workflow function; `step(name, shape)` in it makes a step, and `sleep`, `createHook`, `FatalError` are in scope. */
  readonly workflow: string;
  readonly steps?: Readonly<Record<string, StepScript>>;
  /** The parameters that the build has for a step. */
  readonly shapes?: Readonly<Record<string, string>>;
  /** Retries of a step that has not the default. */
  readonly maxRetries?: Readonly<Record<string, number>>;
}

/** The build of an application that holds this workflow alone. */
export function buildOf({ workflow, steps = {}, shapes = {}, maxRetries = {} }: WrittenProgram): CompiledProgram {
  const idOf = (name: string): string => `step//./test//${name}`;
  return {
    source: workflow,
    bundle: bundleOf(workflow),
    workflowId,
    steps: new Map(Object.keys(steps).map((name) => [idOf(name), name])),
    shapes: new Map(Object.entries(shapes).map(([name, shape]) => [idOf(name), shape])),
    maxRetries: new Map(Object.entries(maxRetries).map(([name, count]) => [idOf(name), count])),
  };
}

/** The answers of a program's steps, as the ledger of bodies asks for them. */
export function answersOf({ steps = {} }: WrittenProgram): (body: BodyRun, args: readonly unknown[]) => StepAnswer {
  return (body, args) => {
    const script = steps[body.name];
    if (script === undefined) throw new TypeError(`The scenario has no step ${body.name}.`);
    return { latencyMs: 0, ...script({ args, body }) };
  };
}

/** A step that takes its time and answers with a value. */
export const value =
  (answer: unknown, latencyMs = 0): StepScript =>
  () => ({ kind: "value", value: answer, latencyMs });
