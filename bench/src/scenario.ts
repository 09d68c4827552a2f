/** What a scenario is, and what its process gives it. */
import type { Floor } from "./floor.ts";
import type { Round } from "./rounds.ts";
import type { Measurement } from "./row.ts";

/** What a scenario's process is told. Plain data: it crosses a process boundary. */
export interface ScenarioOrder {
  readonly scenario: string;
  readonly sizes: readonly number[];
  readonly rounds: number;
  /** An empty directory, or the one that an earlier part of the same scenario has filled. */
  readonly directory: string;
  /** Where to write CPU profiles; null: nowhere. */
  readonly profiles: string | null;
  /** For a part of a scenario that needs a process of its own; null for the scenario itself. */
  readonly part: ScenarioPart | null;
}

/** One round of a scenario whose rounds need a fresh process each. */
export interface ScenarioPart {
  readonly name: string;
  readonly size: number;
  /** The directory of the round's store. */
  readonly directory: string;
}

/** What a scenario works with, in its process. */
export interface ScenarioContext {
  readonly order: ScenarioOrder;
  readonly floor: Floor;
  report(measurement: Measurement): void;
  /** How a part answers. */
  answer(round: Round): void;
  /** Milliseconds that the work took; writes a profile of it when profiles are wanted. */
  timed(label: string, work: () => Promise<void>): Promise<number>;
  /** Runs a part of this scenario in a fresh process, to its end; resolves to the one round that it answered. */
  runPart(part: ScenarioPart): Promise<Round>;
}

/** The code of a scenario family, loaded in its process. */
export interface ScenarioModule {
  readonly run: (context: ScenarioContext) => Promise<void>;
}
