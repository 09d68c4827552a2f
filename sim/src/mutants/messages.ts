/** What the runner and the process of one mutant say to each other. */

/** The order that a process is started with, as the one argument, in JSON. */
export interface MutantOrder {
  readonly mutant: string;
  readonly schedulesMax: number;
  /** No schedule is begun after so many milliseconds. */
  readonly limitMs: number;
}

export type MutantMessage =
  | { readonly kind: "schedule"; readonly seed: number }
  | { readonly kind: "red"; readonly invariant: string; readonly message: string }
  | { readonly kind: "crash"; readonly message: string }
  /** Every schedule was green, or the time is over. */
  | { readonly kind: "green"; readonly schedules: number };
