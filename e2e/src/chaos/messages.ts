/** What the controller and a worker say to each other. */
import type { Inputs } from "perdure-sim/programs";

/** A run to be started, under a key: asking twice gives one run. */
export interface RunOrder {
  readonly key: string;
  /** Index of its program. */
  readonly program: number;
  readonly inputs: Inputs;
}

export type FromWorker =
  | { readonly kind: "working"; readonly id: string }
  | { readonly kind: "started"; readonly key: string; readonly runId: string };
