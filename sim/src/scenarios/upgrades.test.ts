import { checkScenarios } from "./check-scenarios.testing.ts";
import { scenarios } from "./upgrades.ts";

checkScenarios(new URL("./upgrades.ts", import.meta.url).href, scenarios);
