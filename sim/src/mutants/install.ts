/**
 * Switches a mutant on in this process: its edits are made to the TypeScript text of the engine on its way from the disk to
 * the loader. To be called before anything of the engine is imported.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { bundleGuest, isGuestInput } from "@perdure/core/build-guest";
import { edited, filesOf, type Mutant } from "./mutant.ts";

/** The root of the repository. */
export const root = join(import.meta.dirname, "../../..");

const guestFile = "packages/core/src/realm/guest.generated.ts";

export async function install(mutant: Mutant): Promise<void> {
  const texts = await mutatedTexts(mutant);
  const byUrl = new Map([...texts].map(([file, text]) => [pathToFileURL(join(root, file)).href, text]));
  registerHooks({
    load(url, context, nextLoad) {
      const source = byUrl.get(url);
      return source === undefined
        ? nextLoad(url, context)
        : { format: "module-typescript", source, shortCircuit: true };
    },
  });
}

/** The changed text of each file; code of the realm is in the guest, which is built anew. */
async function mutatedTexts(mutant: Mutant): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  for (const file of filesOf(mutant)) {
    texts.set(file, edited(mutant, file, readFileSync(join(root, file), "utf8")));
  }
  if (filesOf(mutant).some(isGuestInput)) {
    const guest = await bundleGuest((file) => texts.get(file) ?? null);
    texts.set(guestFile, `export const guestSource = ${JSON.stringify(guest)};\n`);
  }
  return texts;
}
