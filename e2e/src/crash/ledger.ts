/**
 * The ledger: what an outsider saw, in the order in which it happened. One JSON line per entry in a file that every worker
 * appends to; a line is one write, so a kill loses it or leaves it whole.
 */
import { openSync, readFileSync, writeSync } from "node:fs";

/** A run is durable as far as its starter knows. */
interface RunEntry {
  readonly kind: "run";
  readonly key: string;
  readonly run: string;
}

/** A step body begins, or has its result. */
interface BodyEntry {
  readonly kind: "begin" | "done";
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  readonly delivery: number;
}

/** The store has acknowledged what became of an attempt; the engine has not been told yet. `final`: the step is over. */
interface AckEntry {
  readonly kind: "ack";
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  readonly final: boolean;
}

/** A worker may drive the run under this epoch, as far as it knows: written before the engine learns of it. */
interface ClaimEntry {
  readonly kind: "claim";
  readonly run: string;
  readonly epoch: number;
}

export type UnsignedEntry = RunEntry | BodyEntry | AckEntry | ClaimEntry;

/** With the process that has written it. */
export type Signed<E> = E & { readonly pid: number };

export type LedgerEntry = Signed<UnsignedEntry>;

export class Ledger<E = UnsignedEntry> {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(entry: E): void {
    writeSync(this.#file, `${JSON.stringify({ ...entry, pid: process.pid })}\n`);
  }
}

export function readLedger<E = UnsignedEntry>(path: string): readonly Signed<E>[] {
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Signed<E>);
}
