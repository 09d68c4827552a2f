/** What a suite is: the scenarios that are run on one kind of store, and what their figures are held against. */

/** One scenario, as it can be asked for by name. */
export interface Scenario {
  readonly name: string;
  /** The file of `scenarios/` that holds its code. */
  readonly family: string;
  /** What `n` counts, and what is measured. */
  readonly about: string;
  readonly sizes: readonly number[];
  /** Sizes that are added with `--long`. */
  readonly longSizes: readonly number[];
  /** Each size gets a process of its own. */
  readonly processPerSize: boolean;
}

/** What most scenarios do not say otherwise. */
export const scenarioDefaults = { longSizes: [], processPerSize: false } as const;

/** What a figure is held against. */
export interface Goal {
  readonly of: "value" | "ratio";
  readonly bound: "at most" | "at least";
  readonly limit: number;
}

export const ratioAtMost = (limit: number): Goal => ({ of: "ratio", bound: "at most", limit });
export const valueAtMost = (limit: number): Goal => ({ of: "value", bound: "at most", limit });
export const valueAtLeast = (limit: number): Goal => ({ of: "value", bound: "at least", limit });

/** A suite, by the store that it measures. */
export interface Suite {
  readonly name: string;
  /** The store, for the help. */
  readonly about: string;
  /** Whether the store is a PostgreSQL server, which the benchmark starts, or a file. */
  readonly store: "postgres" | "file";
  readonly scenarios: readonly Scenario[];
  /** The goal of a row, null where there is none. */
  readonly goalOf: (scenario: string, n: number) => Goal | null;
}
