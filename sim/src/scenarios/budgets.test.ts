import { scenarios } from "./budgets.ts";
import { checkScenarios } from "./check-scenarios.testing.ts";

checkScenarios(new URL("./budgets.ts", import.meta.url).href, scenarios);
