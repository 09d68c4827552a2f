/** The report on mutants as a table for people. */
import type { MutantReport, MutantResult } from "./run-mutants.ts";

const messageMax = 110;

/** One line a mutant, then what needs a look, then the sum. */
export function mutantText({ killed, total, mutants }: MutantReport): string {
  const width = Math.max(6, ...mutants.map(({ name }) => name.length));
  const head = `${"mutant".padEnd(width)}  outcome   schedule  by      ms`;
  const open = mutants.filter(({ outcome, coveredBy }) =>
    coveredBy === null ? outcome !== "killed" : outcome !== "survived",
  );
  return [
    head,
    ...mutants.map((result) => line(result, width)),
    ...(open.length === 0 ? [] : ["", "To be looked at:", ...open.map(detail)]),
    "",
    `${killed} of ${total} mutants killed; ${mutants.length - total} more are covered by another guard.`,
  ].join("\n");
}

/** The same for programs, in one line. */
export const mutantJson = (report: MutantReport): string => JSON.stringify(report);

function line({ name, outcome, schedules, foundBy, ms, coveredBy }: MutantResult, width: number): string {
  const said = coveredBy !== null && outcome === "survived" ? "covered" : outcome;
  return `${name.padEnd(width)}  ${said.padEnd(8)}  ${String(schedules).padStart(8)}  ${(foundBy ?? "-").padEnd(4)}  ${String(ms).padStart(7)}`;
}

function detail({ name, outcome, breaks, coveredBy, expected, message }: MutantResult): string {
  const hoped = coveredBy === null ? `expected: ${expected.join(", ")}` : `expected to be covered by ${coveredBy}`;
  const found = message === "" ? "" : ` ${message.slice(0, messageMax)}`;
  return `  ${name}: ${outcome}; ${hoped}. ${breaks}${found}`;
}
