/**
 * What the bodies of the steps did, written down by the bodies themselves: the engine has no part in this file. A line is one
 * `write` to a file that is opened for appending, so it is there as soon as the call returns, whatever happens to the process.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { getStepMetadata } from "perdure";
import { ledgerPath } from "./places.ts";

/** One line of the ledger. */
export interface LedgerLine {
  /** The step, by the id that it has in the run's log. */
  readonly step: string;
  readonly event: "start" | "done";
  /** The process in which the body ran. */
  readonly pid: number;
  /** For people: what the body worked on. */
  readonly subject: string;
}

/** Runs the body of a step between a line that says that it starts and one that says that it is done. */
export async function withLedger<Result>(subject: string, body: () => Promise<Result>): Promise<Result> {
  const { stepId } = getStepMetadata();
  append({ step: stepId, event: "start", pid: process.pid, subject });
  const result = await body();
  append({ step: stepId, event: "done", pid: process.pid, subject });
  return result;
}

function append(line: LedgerLine): void {
  appendFileSync(ledgerPath, `${JSON.stringify(line)}\n`);
}

/** The whole ledger, oldest line first. */
export function readLedger(): LedgerLine[] {
  const lines = readFileSync(ledgerPath, "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as LedgerLine);
}
