/** What the workers saw, in the order in which it happened: one JSON line per entry, one write per line. */
import { existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export type JournalEntry =
  | { readonly kind: "begin" | "end"; readonly run: string; readonly index: number }
  | { readonly kind: "signal"; readonly name: string };

export type SignedEntry = JournalEntry & { readonly pid: number };

const pathIn = (folder: string): string => join(folder, "journal.jsonl");

export class Journal {
  readonly #file: number;

  constructor(folder: string) {
    this.#file = openSync(pathIn(folder), "a");
  }

  write(entry: JournalEntry): void {
    writeSync(this.#file, `${JSON.stringify({ ...entry, pid: process.pid })}\n`);
  }
}

export function readJournal(folder: string): readonly SignedEntry[] {
  if (!existsSync(pathIn(folder))) return [];
  const lines = readFileSync(pathIn(folder), "utf8").split("\n");
  return lines.slice(0, -1).map((line) => JSON.parse(line) as SignedEntry);
}
