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

type UnsignedEntry = RunEntry | BodyEntry | AckEntry | ClaimEntry;

export type LedgerEntry = UnsignedEntry & { readonly pid: number };

export class Ledger {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(entry: UnsignedEntry): void {
    writeSync(this.#file, `${JSON.stringify({ ...entry, pid: process.pid })}\n`);
  }
}

export function readLedger(path: string): readonly LedgerEntry[] {
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as LedgerEntry);
}
