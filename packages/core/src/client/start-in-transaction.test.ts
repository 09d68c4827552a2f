import { createMemoryWorld } from "@perdure/world/memory";
import { expect, it } from "vitest";
import { workflowId } from "../replay/history.testing.ts";
import { program } from "../worker/harness.testing.ts";
import { VirtualEnv } from "../worker/virtual-env.testing.ts";
import { start } from "./start.ts";

const tx = { query: async () => ({ rows: [] }) };

it("a world that shares no database with the program refuses to create a run in a transaction, and says which do", async () => {
  const world = createMemoryWorld({ env: new VirtualEnv() });
  program("async () => 1");
  const starting = start({ workflowId }, [], { world, tx });
  await expect(starting).rejects.toMatchObject({
    code: "STORE_UNSUPPORTED",
    hint: expect.stringContaining("@perdure/world-postgres"),
  });
  expect((await world.runs.list({ limit: 1 })).items).toEqual([]);
});

it("what is no transaction is refused by name", async () => {
  const world = createMemoryWorld({ env: new VirtualEnv() });
  program("async () => 1");
  const starting = start({ workflowId }, [], { world, tx: {} as typeof tx });
  await expect(starting).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});
