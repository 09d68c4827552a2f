import { checkScenarios } from "./check-scenarios.testing.ts";
import { scenarios } from "./transactions.ts";

checkScenarios(new URL("./transactions.ts", import.meta.url).href, scenarios);
