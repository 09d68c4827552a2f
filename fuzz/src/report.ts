/** What the fuzzing prints. */
import type { CampaignResult, Finding } from "./campaign.ts";
import type { Input } from "./input.ts";
import { totalOf } from "./tally.ts";

/** The name of an execution, which replays it. */
export function nameOf(seed: number, index: number): string {
  return `${seed}:${index}`;
}

/** A finding, and the one command that shows it again. */
export function describeFinding({ seed, index, rule, found }: Finding): string {
  return `VIOLATION of ${rule}: ${found}\n  replay: pnpm fuzz --replay ${nameOf(seed, index)}`;
}

/** The figures: a line for each kind, and one for all. */
export function describeResult(result: CampaignResult): string {
  const { tally, findings, executed, hangs, acquitted } = result;
  const lines = Object.entries(tally.byKind)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([kind, { decoded, refused }]) => `  ${kind.padEnd(10)} ${decoded} decoded, ${refused} refused`);
  const { decoded, refused } = totalOf(tally);
  const pollution = findings.filter(({ rule }) => rule === "pollution").length;
  const figures = [
    `${executed} executions`,
    `${decoded} decoded`,
    `${refused} refused`,
    `slowest ${Math.round(tally.slowestMsPerMiB)} ms/MiB`,
    `${acquitted} slow and acquitted`,
    `${hangs} hangs`,
    `${pollution} pollution`,
    `${findings.length} violations`,
  ];
  return [...lines, `fuzz: ${figures.join(", ")}`].join("\n");
}

const shownLength = 2_000;

/** The input of one execution, as far as a person reads. */
export function describeInput(input: Input): string {
  const shown = (text: string): string =>
    text.length <= shownLength ? text : `${text.slice(0, shownLength)}… (${text.length})`;
  if ("text" in input) return `${input.kind}: ${shown(JSON.stringify(input.text))}`;
  if ("bytes" in input) return `${input.kind}: ${shown(Buffer.from(input.bytes).toString("latin1"))}`;
  return `${input.kind}: a value${"limits" in input ? ` within ${JSON.stringify(input.limits)}` : ""}`;
}
