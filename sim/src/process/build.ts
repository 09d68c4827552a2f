/** One build of the application, as a process loads it: its workflow, its bundle, its steps. */
import { provideBundles, registerStep, registerWorkflow, type StepFunction } from "@perdure/core/simulation";
import type { CompiledProgram } from "../programs/compile.ts";

/** Runs a step body: the name of the step and its arguments. */
export type RunBody = (name: string, args: readonly unknown[]) => Promise<unknown>;

const source = { file: "program.ts", line: 1 };

/**
 * Does what the host module of the program does when it is evaluated: registers workflow and steps in this process.
 * `background`: the bodies of the steps that any worker runs.
 */
export function loadBuild(build: CompiledProgram, background: readonly string[], runBody: RunBody): void {
  const { bundle, workflowId, steps, shapes, maxRetries, transactional } = build;
  for (const [id, name] of steps) {
    const fn: StepFunction = (...args) => runBody(name, args);
    const retries = maxRetries.get(id);
    if (transactional?.has(id) === true) Object.assign(fn, { transaction: true });
    if (retries !== undefined) Object.assign(fn, { maxRetries: retries });
    if (background.some((body) => name === body || name.startsWith(`${body}_`)))
      Object.assign(fn, { dispatch: "background" });
    registerStep(id, fn, { name, shape: shapes.get(id) ?? null, ...source });
  }
  registerWorkflow(workflowId, () => undefined, { name: "main", ...source });
  const { code, map, workflows } = bundle;
  provideBundles(async () => ({ code, map, workflows, steps: [...steps.keys()] }));
}
