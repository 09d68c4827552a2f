/** What the controller and a worker say to each other. */
import type { Shape } from "./expected.ts";

/** A run to be started, under a key: asking twice gives one run. */
export interface RunOrder {
  readonly key: string;
  readonly shape: Shape;
  readonly seed: number;
}

export type ToWorker = { readonly kind: "work" } | { readonly kind: "start"; readonly order: RunOrder };

export type FromWorker =
  /** Everything is loaded; the store is not open yet. */
  | { readonly kind: "loaded" }
  | { readonly kind: "working" }
  | { readonly kind: "started"; readonly key: string; readonly runId: string };
