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

/** The programs of the schedules before: the next one mostly has one of them. */
const latest = new Map<string, Promise<BuiltProgram>>();
const latestMax = 2;

/** Generates, cuts and builds. `path` says which of the smaller programs to take, one step after the other. */
export function buildProgram(plan: Plan, path: readonly number[]): Promise<BuiltProgram> {
  const deploys = plan.rates.deploy > 0 || plan.targets.some(({ fault }) => fault === "deploy");
  const { programSeed, listens } = plan;
  const key = JSON.stringify([programSeed, path, deploys, listens]);
  const built = latest.get(key) ?? build(programSeed, { listens, deploys, path });
  latest.delete(key);
  latest.set(key, built);
  const [oldest] = latest.keys();
  if (latest.size > latestMax && oldest !== undefined) latest.delete(oldest);
  return plan.lacksSteps ? built.then(lackingSteps) : built;
}

/** The same, but that the build that is deployed first has no steps yet. */
function lackingSteps(built: BuiltProgram): BuiltProgram {
  const [whole] = built.builds;
  return { ...built, builds: [{ ...whole, steps: new Map() }, whole] };
}

interface BuildOptions {
  readonly listens: boolean;
  /** A second build of it comes by a deploy. */
  readonly deploys: boolean;
  readonly path: readonly number[];
}

async function build(seed: number, { listens, deploys, path }: BuildOptions): Promise<BuiltProgram> {
  let program = listens ? generateProgram(seed, { listening: true, confluent: false }) : generateProgram(seed);
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
