/**
 * The conformance suite: what every world must do, as cases that any test runner can register.
 *
 * It needs no runner of its own: pass the `describe` and `it` of yours (`vitest`, `node:test` and the like fit).
 */
import { Bench } from "./bench.ts";
import type { ConformanceCase, ConformanceNeed, WorldFixture } from "./fixture.ts";
import { conformanceGroups } from "./groups.ts";

export { Bench } from "./bench.ts";
export type {
  ConformanceCase,
  ConformanceGroup,
  ConformanceNeed,
  StoreClock,
  WorldFixture,
} from "./fixture.ts";
export { conformanceGroups } from "./groups.ts";

/** The part of a test runner that the suite uses. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/** A backend to be tested. */
export interface WorldUnderTest {
  /** A fresh and empty store; the suite closes it. */
  open(): Promise<WorldFixture>;
  readonly runner: TestRunner;
  /** What the backend lacks, each with the reason; the cases that need it are left out. */
  readonly without?: Readonly<Partial<Record<ConformanceNeed, string>>>;
}

/** Registers the whole suite for a backend. */
export function testWorld(name: string, world: WorldUnderTest): void {
  const { describe, it } = world.runner;
  describe(`${name} is a world`, () => {
    for (const { subject, cases } of conformanceGroups) {
      describe(subject, () => {
        for (const each of cases) {
          if (isFit(each, world.without ?? {})) it(each.title, () => runCase(each, world));
        }
      });
    }
  });
}

/** Runs one case on a store of its own. Rejects when the world does not behave as the case says. */
export async function runCase(conformanceCase: ConformanceCase, world: Pick<WorldUnderTest, "open">): Promise<void> {
  const fixture = await world.open();
  try {
    const bench = new Bench(fixture);
    await conformanceCase.run(bench);
    await bench.audit();
  } finally {
    await fixture.close();
  }
}

/** True when a backend that lacks these things can be held to the case. */
export function isFit(
  { needs }: ConformanceCase,
  without: Readonly<Partial<Record<ConformanceNeed, string>>>,
): boolean {
  return needs.every((need) => without[need] === undefined);
}
