import { describe, it } from "vitest";
import { openMemoryFixture } from "../test/memory-fixture.ts";
import { testWorld } from "./conformance/test-world.ts";

testWorld("memory", { open: async () => openMemoryFixture(), runner: { describe, it } });

testWorld("memory without compare-and-append", {
  open: async () => openMemoryFixture({ compareAndAppend: false }),
  runner: { describe, it },
  without: { compareAndAppend: "this fixture plays a store that cannot compare tails" },
});
