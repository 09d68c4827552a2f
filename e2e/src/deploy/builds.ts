/** Builds of one application, as deploys bring them: the same files and names, other code. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleWorkflow } from "@perdure/compiler";
import { modulePath } from "./assignment.ts";

/** The source of a build's workflow module. Bodies of steps are those of the worker, which know the build. */
export interface BuildSource {
  readonly name: string;
  /** Signatures of its steps, e.g. `charge(index: number)`. */
  readonly steps: readonly string[];
  /** Body of the workflow. */
  readonly body: string;
}

/** Builds it with the real compiler, and leaves it in the folder for its workers. Resolves to the id of its workflow. */
export async function build(folder: string, { name, steps, body }: BuildSource): Promise<string> {
  const root = join(folder, `project-${name}`);
  mkdirSync(root);
  const file = join(root, "shop.ts");
  const functions = steps.map(
    (signature) => `export async function ${signature}: Promise<string> { "use step"; return ""; }`,
  );
  const workflow = `export async function main(): Promise<unknown> { "use workflow";\n${body}\n}`;
  writeFileSync(file, [`import { createHook, sleep } from "perdure";`, ...functions, workflow].join("\n\n"));
  const { code, map, workflows, steps: found } = await bundleWorkflow({ file, root });
  const workflowId = workflows[0]?.id ?? "";
  writeFileSync(modulePath(folder, name), JSON.stringify({ workflowId, code, map, steps: found }));
  return workflowId;
}
