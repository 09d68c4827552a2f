/** A directory of a test's own, and worlds that are closed when it ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "@perdure/world";
import { afterEach } from "vitest";

/** A directory for one test file's stores, and worlds that are closed when their test ends. */
export class Bench {
  readonly #worlds: World[] = [];
  readonly #directories: string[] = [];

  constructor() {
    afterEach(async () => {
      for (const world of this.#worlds.splice(0)) await world.close();
      for (const directory of this.#directories.splice(0)) rmSync(directory, { recursive: true, force: true });
    });
  }

  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), "perdure-local-"));
    this.#directories.push(directory);
    return directory;
  }

  /** The path of a store that does not exist yet. */
  file(): string {
    return join(this.directory(), "store.db");
  }

  async closing(world: Promise<World> | World): Promise<World> {
    const opened = await world;
    this.#worlds.push(opened);
    return opened;
  }
}
