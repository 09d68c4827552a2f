import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { World } from "@perdure/world";
import { testWorld, type WorldFixture } from "@perdure/world/conformance";
import { describe, it } from "vitest";
import { createLocalWorld } from "./local-world.ts";

async function openFixture(): Promise<WorldFixture> {
  const directory = mkdtempSync(join(tmpdir(), "perdure-conformance-"));
  let at = 1_700_000_000_000;
  const now = (): number => at;
  const open = (): Promise<World> => createLocalWorld({ path: join(directory, "store.db"), now });
  let first = await open();
  let second: Promise<World> | null = null;
  const closeAll = async (): Promise<void> => {
    await first.close();
    await (await second)?.close();
    second = null;
  };
  return {
    world: () => first,
    second: () => {
      second ??= open();
      return second;
    },
    clock: {
      now,
      set(moment) {
        at = moment;
      },
    },
    async restart() {
      await closeAll();
      first = await open();
    },
    async close() {
      await closeAll();
      rmSync(directory, { recursive: true });
    },
  };
}

testWorld("the local world", { open: openFixture, runner: { describe, it } });
