import { checkScenarios } from "./check-scenarios.testing.ts";
import { scenarios } from "./wake-ups.ts";

checkScenarios(new URL("./wake-ups.ts", import.meta.url).href, scenarios);
