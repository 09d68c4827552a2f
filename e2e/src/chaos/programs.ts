/** The programs that run: made from the seed, built by the real compiler, each a module of its own. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleWorkflow } from "@perdure/compiler";
import { generateProgram } from "perdure-sim/generate";
import { printProgram } from "perdure-sim/print";
import type { Program } from "perdure-sim/programs";
import { programsPath } from "./assignment.ts";
import type { BuiltModule } from "./register-programs.ts";

export interface ChaosProgram {
  readonly program: Program;
  readonly module: BuiltModule;
}

/** Programs whose tree is this large write 15 to 60 events. */
const sizeMost = 26;
const sizeLeast = 10;

/** Builds so many programs, and leaves them in the folder for the workers. */
export async function makePrograms(folder: string, seed: number, count: number): Promise<readonly ChaosProgram[]> {
  const root = join(folder, "project");
  mkdirSync(root);
  const made: ChaosProgram[] = [];
  for (let index = 0; index < count; index += 1) {
    const size = sizeLeast + ((seed + index * 7) % (sizeMost - sizeLeast));
    const hooks = index % 3 === 1 ? { hooks: true } : {};
    const program = generateProgram(seed + index, { longSleeps: false, confluent: index % 2 === 0, size, ...hooks });
    const file = join(root, `program${index}.ts`);
    writeFileSync(file, printProgram(program));
    const { code, map, workflows, steps } = await bundleWorkflow({ file, root });
    const [workflow] = workflows;
    if (workflow === undefined) throw new Error("The module has no workflow.");
    made.push({ program, module: { workflowId: workflow.id, code, map, steps } });
  }
  writeFileSync(programsPath(folder), JSON.stringify(made.map(({ module }) => module)));
  return made;
}
