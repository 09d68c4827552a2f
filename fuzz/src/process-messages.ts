/** What the campaign and the processes that read say to each other. */
import type { Rule } from "./judge.ts";
import type { Tally } from "./tally.ts";

/** What a process is to do. */
export interface ReaderOrder {
  readonly seed: number;
  /** Executions from this index, up to and without `to`. */
  readonly from: number;
  readonly to: number;
  /** Name of a deliberate defect, or null. */
  readonly defect: string | null;
  /** One execution is judged again: in a warm process, by processor time. */
  readonly alone: boolean;
  /** Where the process writes the index that is running. */
  readonly indexFile: string;
}

/** What a process tells. */
export type ReaderMessage =
  | { readonly type: "violation"; readonly index: number; readonly rule: Rule; readonly found: string }
  | { readonly type: "slow"; readonly index: number; readonly ms: number; readonly bytes: number }
  | { readonly type: "tally"; readonly tally: Tally };
