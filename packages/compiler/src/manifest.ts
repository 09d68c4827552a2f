/** What modules declare: the workflows and steps of one module, or of many. */

/** A workflow, as a manifest lists it. */
export interface WorkflowEntry {
  /** `workflow//./src/orders//checkout`, or `workflow//checkout` with an explicit name. */
  readonly id: string;
  /** The function's name, `default` for an anonymous default export. */
  readonly name: string;
  /** Path of the module from the project root, with forward slashes. */
  readonly file: string;
  /** 1-based line of the function. */
  readonly line: number;
}

/** A step, as a manifest lists it. */
export interface StepEntry extends WorkflowEntry {
  /** The parameters in readable form, e.g. `(order,{a,b},...rest)`. */
  readonly shape: string;
}

/** The workflows and steps that one module declares. */
export interface ModuleManifest {
  readonly file: string;
  readonly workflows: readonly WorkflowEntry[];
  readonly steps: readonly StepEntry[];
}

/** The workflows and steps of a project, in the order of their ids. */
export interface Manifest {
  readonly workflows: readonly WorkflowEntry[];
  readonly steps: readonly StepEntry[];
}

/** Two functions of different places that claim the same id. */
export interface DuplicateId {
  readonly id: string;
  readonly first: WorkflowEntry;
  readonly second: WorkflowEntry;
}

/** One manifest from many; the same module given twice counts once. The order of the modules does not matter. */
export function mergeManifests(modules: readonly ModuleManifest[]): Manifest {
  const byFile = new Map(modules.map((module) => [module.file, module]));
  const merged = [...byFile.values()];
  return {
    workflows: merged.flatMap((module) => module.workflows).sort(byId),
    steps: merged.flatMap((module) => module.steps).sort(byId),
  };
}

/** Every pair of neighbouring entries with one id; a manifest with any cannot be run. */
export function duplicateIds({ workflows, steps }: Manifest): DuplicateId[] {
  return [...duplicatesOf(workflows), ...duplicatesOf(steps)];
}

function duplicatesOf(sorted: readonly WorkflowEntry[]): DuplicateId[] {
  const duplicates: DuplicateId[] = [];
  for (const [index, second] of sorted.entries()) {
    const first = sorted[index - 1];
    if (first?.id === second.id) duplicates.push({ id: second.id, first, second });
  }
  return duplicates;
}

/** By id, then by place, as UTF-16 code units: the same order on every machine. */
function byId(left: WorkflowEntry, right: WorkflowEntry): number {
  if (left.id !== right.id) return left.id < right.id ? -1 : 1;
  if (left.file !== right.file) return left.file < right.file ? -1 : 1;
  return left.line - right.line;
}
