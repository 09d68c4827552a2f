/** A scenario: a course of events, what must come of it, and an edit of the engine under which it must not. */

import type { Edit } from "../mutants/mutant.ts";
import type { ScenarioClass } from "./field-classes.ts";

export interface Scenario {
  readonly of: ScenarioClass;
  /** Invariants and what is shown, as the title of the test. */
  readonly title: string;
  /** Plays the course, and throws when what must hold does not. */
  play(): Promise<void>;
  readonly mutant: {
    /** Which guard is taken away. */
    readonly breaks: string;
    readonly edits: readonly Edit[];
    /** Played against the mutant in every test run, not only in the long one. */
    readonly always?: true;
  };
}
