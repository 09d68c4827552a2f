import { checkScenarios } from "./check-scenarios.testing.ts";
import { scenarios } from "./hooks.ts";

checkScenarios(new URL("./hooks.ts", import.meta.url).href, scenarios);
