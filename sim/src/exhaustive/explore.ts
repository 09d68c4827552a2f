/** Takes every interleaving of a small program, depth first, and stops at the first that breaks something. */
import { ExecutionFactory, unguarded } from "@perdure/core/simulation";
import { ReplayRealms } from "../checkers/replay-realms.ts";
import { buildOf } from "../scenarios/stage/written-program.ts";
import { Choices } from "./choices.ts";
import { type Scope, takePath } from "./interleaving.ts";
import type { SmallProgram } from "./small-programs.ts";

export interface Explored {
  /** Interleavings that were taken: all that there are, unless one is broken. */
  readonly paths: number;
  /** Different logs that they ended with. */
  readonly logs: number;
  /** Moves of the longest. */
  readonly movesMax: number;
  readonly broken: BrokenPath | null;
}

/** A path that breaks something, and the list of choices that takes it again. */
export interface BrokenPath {
  readonly choices: readonly number[];
  readonly violations: readonly string[];
  readonly moves: readonly string[];
}

export async function explore(program: SmallProgram, pathsMax = Number.POSITIVE_INFINITY): Promise<Explored> {
  const scope = scopeOf(program);
  let paths = 0;
  let movesMax = 0;
  let broken: BrokenPath | null = null;
  for (let list: readonly number[] | null = []; list !== null && broken === null && paths < pathsMax; ) {
    const choices: Choices = new Choices(list);
    const { violations, moves } = await takePath(scope, choices);
    paths += 1;
    movesMax = Math.max(movesMax, moves.length);
    if (violations.length > 0) broken = { choices: choices.list, violations, moves };
    list = choices.next();
  }
  return { paths, logs: scope.judged.size, movesMax, broken };
}

/** Takes one path again, by its list of choices. */
export async function replay(program: SmallProgram, list: readonly number[]): Promise<BrokenPath> {
  const choices = new Choices(list);
  const scope = scopeOf(program);
  const { violations, moves } = await takePath(scope, choices);
  return { choices: choices.list, violations, moves };
}

/** Realms are slow to make, so all paths share those of the program. */
function scopeOf(program: SmallProgram): Scope {
  return {
    program,
    build: buildOf(program),
    executions: new ExecutionFactory({ guard: unguarded, turnLimitMs: 60_000, onStrayRejection: () => {} }),
    realms: new ReplayRealms(),
    judged: new Map(),
  };
}
