/** The suites by name, and their scenarios. */
import { nearestName, UsageError } from "@perdure/errors";
import type { Scenario, Suite } from "../suite.ts";
import { localSuite } from "./local.ts";
import { postgresSuite } from "./postgres.ts";

export const suites: readonly Suite[] = [localSuite, postgresSuite];

/** A suite by its name. Throws `UsageError` for a name that none has. */
export function suiteNamed(name: string): Suite {
  return named(suites, name, `There is no suite "${name}".`, "The suites are");
}

/** A scenario by its name. Throws `UsageError` for a name that the suite does not have. */
export function scenarioNamed(suite: Suite, name: string): Scenario {
  return named(suite.scenarios, name, `The suite ${suite.name} has no scenario "${name}".`, "It has:");
}

function named<T extends { readonly name: string }>(
  things: readonly T[],
  name: string,
  refusal: string,
  listed: string,
): T {
  const found = things.find((thing) => thing.name === name);
  if (found !== undefined) return found;
  const names = things.map((thing) => thing.name);
  const nearest = nearestName(name, names);
  throw new UsageError(refusal, {
    hint: `${nearest === null ? "" : `Did you mean "${nearest}"? `}${listed} ${names.join(", ")}.`,
  });
}
