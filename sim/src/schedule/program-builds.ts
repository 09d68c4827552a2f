/** The program of a plan, cut down and built, and the one that a deploy brings. */
import { ExecutionFactory, type HeldBundle, unguarded } from "@perdure/core/simulation";
import { ReplayRealms } from "../checkers/replay-realms.ts";
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
  /** Realms are slow to make, and their executions share nothing, so all processes of the program's schedules share them. */
  readonly executions: ExecutionFactory;
  /** The realms in which its logs are read back. */
  readonly realms: ReplayRealms;
}

/** The program of the schedule before: the next one mostly has the same. */
let latest: { readonly key: string; readonly built: Promise<BuiltProgram> } | null = null;

/** Generates, cuts and builds. `path` says which of the smaller programs to take, one step after the other. */
export function buildProgram(plan: Plan, path: readonly number[]): Promise<BuiltProgram> {
  const deploys = plan.rates.deploy > 0 || plan.targets.some(({ fault }) => fault === "deploy");
  const key = JSON.stringify([plan.programSeed, path, deploys]);
  if (latest?.key !== key) latest = { key, built: build(plan.programSeed, path, deploys) };
  return plan.lacksStep ? latest.built.then(lackingStep) : latest.built;
}

/** The same, but that the build that is deployed first does not have the step that the program calls most. */
function lackingStep(built: BuiltProgram): BuiltProgram {
  const [whole] = built.builds;
  const [most] = [...whole.steps].sort(([, a], [, b]) => count(b, whole.source) - count(a, whole.source));
  const steps = new Map([...whole.steps].filter(([id]) => id !== most?.[0]));
  return { ...built, builds: [{ ...whole, steps }, whole] };
}

const count = (name: string, source: string): number => source.split(`${name}(`).length;

async function build(seed: number, path: readonly number[], deploys: boolean): Promise<BuiltProgram> {
  let program = generateProgram(seed);
  for (const step of path) program = nth(smallerPrograms(program), step) ?? program;
  const first = await compileProgram(printProgram(program));
  const rooms = {
    executions: new ExecutionFactory({ guard: unguarded, turnLimitMs: 60_000, onStrayRejection: () => {} }),
    realms: new ReplayRealms(),
  };
  if (!deploys) return { program, builds: [first], known: [{ program, bundle: first.bundle }], ...rooms };
  const edited = editedProgram(program);
  const second = await compileProgram(printProgram(edited));
  return {
    program,
    ...rooms,
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
