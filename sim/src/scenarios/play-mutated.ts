/**
 * A process of its own that plays one scenario on an engine whose source is edited on its way in. Arguments: the scenario's
 * module, its title, the edits as JSON. Prints what came of it as one line of JSON.
 */
import { install } from "../mutants/install.ts";
import type { Edit } from "../mutants/mutant.ts";
import type { Scenario } from "./scenario.ts";

const [module = "", title = "", edits = "[]"] = process.argv.slice(2);
await install({ name: title, breaks: title, invariants: [], edits: JSON.parse(edits) as readonly Edit[] });
process.stdout.write(`${JSON.stringify({ red: await play() })}\n`);
// Whatever a defective engine left running is not waited for.
process.exit(0);

/** Why the scenario failed; null: it did not. */
async function play(): Promise<string | null> {
  const loaded = (await import(module)) as { readonly scenarios: readonly Scenario[] };
  const scenario = loaded.scenarios.find((candidate) => candidate.title === title);
  if (scenario === undefined) throw new Error(`${module} has no scenario "${title}"`);
  try {
    await scenario.play();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
