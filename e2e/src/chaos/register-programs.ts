/** Does what the host modules of the programs do when they are evaluated: registers their workflows and steps. */
import { readFileSync } from "node:fs";
import { provideBundles, registerStep, registerWorkflow, type StepFunction } from "@perdure/core";

/** A program as the compiler left it. */
export interface BuiltModule {
  readonly workflowId: string;
  readonly code: string;
  readonly map: string | null;
  readonly steps: readonly { readonly id: string; readonly name: string; readonly shape: string }[];
}

/** A module that was left in a file. */
export const readModule = (path: string): BuiltModule => JSON.parse(readFileSync(path, "utf8")) as BuiltModule;

/** Runs a step body: the name of the step and its arguments. */
export type RunBody = (name: string, args: readonly unknown[]) => Promise<unknown>;

/** `traitsOf`: the properties that the function of a step has. */
export function registerPrograms(
  modules: readonly BuiltModule[],
  runBody: RunBody,
  traitsOf: (name: string) => object = () => ({}),
): void {
  for (const { workflowId, steps } of modules) {
    for (const { id, name, shape } of steps) {
      const fn: StepFunction = (...args) => runBody(name, args);
      registerStep(id, Object.assign(fn, traitsOf(name)), { name, shape, file: "program.ts", line: 1 });
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
