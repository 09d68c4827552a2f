/** Builds printed programs with the real compiler. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleWorkflow } from "@perdure/compiler";
import { bundleId, guestAbi, guestSource, type HeldBundle } from "@perdure/core/simulation";
import { maxRetriesOf } from "./step-bodies.ts";

/** A program as the engine runs it. */
export interface CompiledProgram {
  readonly source: string;
  readonly bundle: HeldBundle;
  readonly workflowId: string;
  /** The steps that the bundle can call: ids to names. */
  readonly steps: ReadonlyMap<string, string>;
  /** Ids of steps to their parameters, where these are known. */
  readonly shapes: ReadonlyMap<string, string>;
  /** Ids of steps to the retries that the engine grants them. */
  readonly maxRetries: ReadonlyMap<string, number>;
}

/** Programs that are kept, those used last. */
const keptMax = 256;

const kept = new Map<string, Promise<CompiledProgram>>();

/** Builds a printed program. Concurrent requests for one source share one build, and sources used last are kept. */
export function compileProgram(source: string): Promise<CompiledProgram> {
  const found = kept.get(source);
  const building = found ?? build(source);
  kept.delete(source);
  kept.set(source, building);
  if (found === undefined) building.catch(() => kept.delete(source));
  for (const oldest of kept.keys()) {
    if (kept.size <= keptMax) break;
    kept.delete(oldest);
  }
  return building;
}

/** All programs are the same file of the same project, so that the ids of functions are those of any program. */
async function build(source: string): Promise<CompiledProgram> {
  const root = mkdtempSync(join(realpathSync(tmpdir()), "perdure-sim-"));
  const file = join(root, "program.ts");
  try {
    writeFileSync(file, source);
    const { code, map, workflows, steps } = await bundleWorkflow({ file, root });
    const [workflow] = workflows;
    if (workflow === undefined) throw new Error("The module has no workflow.");
    const stored = { abi: guestAbi, guest: guestSource, code, map, workflows: [workflow.id] };
    return {
      source,
      bundle: { id: bundleId(stored), ...stored },
      workflowId: workflow.id,
      steps: new Map(steps.map(({ id, name }) => [id, name])),
      shapes: new Map(steps.map(({ id, shape }) => [id, shape])),
      maxRetries: new Map(steps.map(({ id, name }) => [id, maxRetriesOf(name)])),
    };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
