/** The program of a plan, cut down and built, and the one that a deploy brings. */
import type { HeldBundle } from "@perdure/core/simulation";
import type { Plan } from "../faults/plan.ts";
import { type CompiledProgram, compileProgram } from "../programs/compile.ts";
import { editedProgram } from "../programs/edit.ts";
import { generateProgram } from "../programs/generate.ts";
import { printProgram } from "../programs/print.ts";
import type { Program } from "../programs/program.ts";
import { smallerPrograms } from "../programs/shrink.ts";

export interface BuiltProgram {
  readonly program: Program;
  readonly builds: readonly [CompiledProgram, ...CompiledProgram[]];
  readonly known: readonly { readonly program: Program; readonly bundle: HeldBundle }[];
}

/** Generates, cuts and builds. `path` says which of the smaller programs to take, one step after the other. */
export async function buildProgram(plan: Plan, path: readonly number[]): Promise<BuiltProgram> {
  let program = generateProgram(plan.programSeed);
  for (const step of path) program = nth(smallerPrograms(program), step) ?? program;
  const first = await compileProgram(printProgram(program));
  const mayDeploy = plan.rates.deploy > 0 || plan.targets.some(({ fault }) => fault === "deploy");
  if (!mayDeploy) return { program, builds: [first], known: [{ program, bundle: first.bundle }] };
  const edited = editedProgram(program);
  const second = await compileProgram(printProgram(edited));
  return {
    program,
    builds: [first, second],
    known: [
      { program, bundle: first.bundle },
      { program: edited, bundle: second.bundle },
    ],
  };
}

function nth<T>(items: Iterable<T>, index: number): T | undefined {
  let count = 0;
  for (const item of items) {
    if (count === index) return item;
    count += 1;
  }
  return undefined;
}
