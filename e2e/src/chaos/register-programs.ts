/** Does what the host modules of the programs do when they are evaluated: registers their workflows and steps. */
import { provideBundles, registerStep, registerWorkflow, type StepFunction } from "@perdure/core";
import { ownMaxRetriesOf } from "perdure-sim/step-bodies";

/** A program as the compiler left it. */
export interface BuiltModule {
  readonly workflowId: string;
  readonly code: string;
  readonly map: string | null;
  readonly steps: readonly { readonly id: string; readonly name: string; readonly shape: string }[];
}

/** Runs a step body: the name of the step and its arguments. */
export type RunBody = (name: string, args: readonly unknown[]) => Promise<unknown>;

export function registerPrograms(modules: readonly BuiltModule[], runBody: RunBody): void {
  for (const { workflowId, steps } of modules) {
    for (const { id, name, shape } of steps) {
      const fn: StepFunction = (...args) => runBody(name, args);
      const maxRetries = ownMaxRetriesOf(name);
      const step = maxRetries === undefined ? fn : Object.assign(fn, { maxRetries });
      registerStep(id, step, { name, shape, file: "program.ts", line: 1 });
    }
    registerWorkflow(workflowId, () => undefined, { name: "main", file: "program.ts", line: 1 });
  }
  provideBundles(async (workflow) => {
    const module = modules.find(({ workflowId }) => workflowId === workflow.id);
    if (module === undefined) throw new Error(`There is no program ${workflow.id}.`);
    const { code, map, steps } = module;
    return { code, map, workflows: [workflow.id], steps: steps.map(({ id }) => id) };
  });
}
