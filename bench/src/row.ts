/** What a benchmark says, and the only shape in which it says it. */

/** Where a figure is better: near zero, or far from it. */
export type Unit = "ms" | "ms/step" | "us/call" | "B/step" | "KB/run" | "runs/s" | "transactions/s";

/** One figure beside its floor. With `--json` each is one line, with exactly these members in this order. */
export interface Row {
  readonly suite: string;
  readonly scenario: string;
  /** How many steps, runs, events or samples the figure is about; the scenario says which. */
  readonly n: number;
  readonly unit: Unit;
  /** The median over the rounds. */
  readonly value: number;
  /** The same for the floor, in the same unit; null where nothing bounds the figure from below. */
  readonly floor: number | null;
  /** Cost over the floor's cost, the median over the rounds: 1 is the floor itself, smaller is better; for rates too. */
  readonly ratio: number | null;
}

/** What a scenario reports: a row, before the suite's name is put on it. */
export type Measurement = Omit<Row, "suite">;

/** True for units of which more is better; transactions are a load that is put on the server. */
export const isRate = (unit: Unit): boolean => unit === "runs/s";
