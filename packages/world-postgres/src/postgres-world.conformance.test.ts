import { testWorld } from "@perdure/world/conformance";
import { afterAll, describe, it } from "vitest";
import { Fixtures } from "../test/conformance-fixture.ts";
import { TestDatabases } from "../test/server.ts";

const fixtures = new Fixtures(new TestDatabases());
afterAll(() => fixtures.close());

testWorld("the PostgreSQL world", { open: fixtures.open, runner: { describe, it } });
