import { expect, it } from "vitest";
import { scenarios as budgets } from "./budgets.ts";
import { fieldClasses } from "./field-classes.ts";
import { scenarios as hooks } from "./hooks.ts";
import { scenarios as order } from "./order.ts";
import { scenarios as steps } from "./steps.ts";
import { scenarios as storeFailures } from "./store-failures.ts";
import { scenarios as transactions } from "./transactions.ts";
import { scenarios as upgrades } from "./upgrades.ts";
import { scenarios as wakeUps } from "./wake-ups.ts";

const scenarios = [order, hooks, steps, wakeUps, budgets, storeFailures, transactions, upgrades].flat();

it("shows each of the seventeen classes, and every scenario once", () => {
  expect(Object.keys(fieldClasses)).toHaveLength(17);
  const shown = new Set(scenarios.map((scenario) => scenario.of));
  for (const name of Object.keys(fieldClasses)) expect(shown, name).toContain(name);
  expect(new Set(scenarios.map(({ title }) => title)).size).toBe(scenarios.length);
});
