/** Where the user's project is on this machine. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The folder of the nearest package.json from a folder upwards; the folder itself when there is none. Ids of workflows and steps,
 * the configuration file and the default store are all found from it.
 */
export function projectRoot(from: string): string {
  for (const folder of ancestors(from)) {
    if (existsSync(join(folder, "package.json"))) return folder;
  }
  return from;
}

/** A folder and every folder above it, nearest first. */
export function* ancestors(from: string): Generator<string> {
  let folder = from;
  for (;;) {
    yield folder;
    const parent = dirname(folder);
    if (parent === folder) return;
    folder = parent;
  }
}
