import { checkScenarios } from "./check-scenarios.testing.ts";
import { scenarios } from "./steps.ts";

checkScenarios(new URL("./steps.ts", import.meta.url).href, scenarios);
