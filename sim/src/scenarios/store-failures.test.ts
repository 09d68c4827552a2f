import { checkScenarios } from "./check-scenarios.testing.ts";
import { scenarios } from "./store-failures.ts";

checkScenarios(new URL("./store-failures.ts", import.meta.url).href, scenarios);
