/** What the ledger of chaos holds beside the bodies of steps: jobs that were taken, ends of runs, and what was written to streams. */
import type { Signed, UnsignedEntry } from "../crash/ledger.ts";
import type { Batch } from "./chunk-text.ts";

/** A worker may run this delivery of a background step, as far as it knows: written before the engine learns of it. */
interface TakeEntry {
  readonly kind: "take";
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  readonly delivery: number;
}

/** The store has acknowledged the end of a run. */
interface EndEntry {
  readonly kind: "end";
  readonly run: string;
}

/** A batch of chunks is about to be sent for the first time. */
export interface SendEntry extends Batch {
  readonly kind: "send";
  readonly closes: boolean;
}

/** The store has acknowledged a batch; `first` is the index of its first chunk. */
interface WroteEntry extends Batch {
  readonly kind: "wrote";
  readonly first: number;
}

/** The store has refused a batch; `reason`: `fenced`, or which rule it breaks. */
interface DeniedEntry extends Batch {
  readonly kind: "denied";
  readonly reason: string;
}

export type UnsignedChaosEntry = UnsignedEntry | TakeEntry | EndEntry | SendEntry | WroteEntry | DeniedEntry;
export type ChaosEntry = Signed<UnsignedChaosEntry>;
