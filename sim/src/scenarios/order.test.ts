import { checkScenarios } from "./check-scenarios.testing.ts";
import { scenarios } from "./order.ts";

checkScenarios(new URL("./order.ts", import.meta.url).href, scenarios);
