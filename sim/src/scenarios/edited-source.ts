/** Edits of the engine's source text on its way into this process. To be made before anything of the engine is imported. */
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

/** Replaces a text that occurs exactly once in a source file of the engine. */
export interface SourceEdit {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Makes the edits from now on. Returns the way to make sure that each was made. */
export function installEdits(edits: readonly SourceEdit[]): () => void {
  const made = new Set<SourceEdit>();
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
        made.add(edit);
      }
      return { ...loaded, source };
    },
  });
  return () => {
    for (const edit of edits) if (!made.has(edit)) throw new Error(`${edit.file} was never loaded`);
  };
}
