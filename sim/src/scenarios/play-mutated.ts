/**
 * A process of its own that plays one scenario on an engine whose source is edited on its way in. Arguments: the scenario's
 * module, its title, the edits as JSON. Prints what came of it as one line of JSON.
 */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Scenario, SourceEdit } from "./scenario.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const [module = "", title = "", editsJson = "[]"] = process.argv.slice(2);
const edits = JSON.parse(editsJson) as readonly SourceEdit[];
const applied = new Set<SourceEdit>();

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const file = url.startsWith("file:") ? fileURLToPath(url) : "";
    const own = edits.filter((edit) => `${root}${edit.file}` === file);
    if (own.length === 0) return loaded;
    let source = String(loaded.source);
    for (const edit of own) {
      if (!source.includes(edit.find)) throw new Error(`${edit.file} does not hold ${edit.find}`);
      source = source.replace(edit.find, () => edit.replace);
      applied.add(edit);
    }
    return { ...loaded, source };
  },
});

process.stdout.write(`${JSON.stringify({ red: await play() })}\n`);
process.exit(0);

/** Why the scenario failed; null: it did not. */
async function play(): Promise<string | null> {
  const loaded = (await import(module)) as { readonly scenarios: readonly Scenario[] };
  const scenario = loaded.scenarios.find((candidate) => candidate.title === title);
  if (scenario === undefined) throw new Error(`${module} has no scenario "${title}"`);
  if (applied.size < edits.length) throw new Error("an edited file was never loaded");
  try {
    await scenario.play();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
