/** What a campaign came to, for people and as one line of JSON. */
import type { Summary } from "../campaign/summary.ts";
import { Coverage } from "../faults/coverage.ts";

/** Fewer passes of a probe than this in 20,000 schedules mean that nothing is known about it. */
const hitsPerSchedule = 100 / 20_000;
/** Fewer strikes of a fault at a probe than this in 20,000 schedules mean the same. */
const strikesPerSchedule = 10 / 20_000;

/** The probes and the pairs of probe and fault that so many schedules should have reached, and have not. */
export function unreached(summary: Summary) {
  const coverage = coverageOf(summary);
  return {
    probes: coverage.probesBelow(Math.ceil(summary.schedules * hitsPerSchedule)),
    pairs: coverage.pairsBelow(Math.ceil(summary.schedules * strikesPerSchedule)),
  };
}

function coverageOf(summary: Summary): Coverage {
  const coverage = new Coverage();
  coverage.add(summary.coverage);
  return coverage;
}

/** True when nothing is red, every self-check was repeatable, and everything was reached that should have been. */
export function isGreen(summary: Summary): boolean {
  return summary.red.length === 0 && summary.unrepeatable.length === 0;
}

export function campaignText(summary: Summary, seconds: number): string {
  const coverage = coverageOf(summary);
  const { probes, pairs } = unreached(summary);
  const days = (summary.virtualMs / 86_400_000).toFixed(1);
  const kinds = Object.entries(summary.kinds).sort((a, b) => b[1] - a[1]);
  return [
    `schedules        ${number(summary.schedules)} in ${seconds.toFixed(0)} s (${(summary.schedules / seconds).toFixed(1)} a second)`,
    `runs             ${number(summary.runs)}, ${number(summary.logEvents)} events in their logs, ${number(summary.bodies)} step bodies, ${number(summary.parkedRuns)} left parked`,
    `simulator steps  ${number(summary.steps)}; virtual time ${days} days`,
    `replays          ${number(summary.replays)} compared`,
    `faults           ${number(coverage.strikeCount)}: ${counts(coverage.byFault())}`,
    `probes           ${probes.length === 0 ? "all reached" : `below the mark: ${counts(probes)}`}`,
    `fault at probe   ${pairs.length === 0 ? "all reached" : `${pairs.length} below the mark: ${counts(pairs)}`}`,
    `programs         ${number(summary.programs)}, ${number(summary.confluentPrograms)} with a result known beforehand: ${counts(kinds)}`,
    `self-check       ${number(summary.selfChecks)} schedules ran twice, ${summary.unrepeatable.length} took other steps${list(summary.unrepeatable)}`,
    `violations       ${summary.red.length}`,
    ...summary.red.flatMap(({ seed, violations }) => [
      `  seed ${seed}: ${violations.map(({ invariant, message }) => `${invariant}: ${message}`).join("\n    ")}`,
      `    pnpm sim --seed ${seed}`,
    ]),
  ].join("\n");
}

const number = (value: number): string => value.toLocaleString("en-US");

const counts = (entries: readonly (readonly [string, number])[]): string =>
  entries.map(([name, count]) => `${name} ${number(count)}`).join(", ");

const list = (seeds: readonly number[]): string => (seeds.length === 0 ? "" : `: ${seeds.join(", ")}`);

/** The figures as one line of JSON. */
export function campaignJson(summary: Summary): string {
  const coverage = coverageOf(summary);
  const { probes, pairs } = unreached(summary);
  return JSON.stringify({
    schedules: summary.schedules,
    faults: coverage.strikeCount,
    replays: summary.replays,
    violations: summary.red.length,
    mutants: null,
    unhitProbes: [...probes, ...pairs].map(([name]) => name),
    faultsByKind: Object.fromEntries(coverage.byFault()),
    runs: summary.runs,
    logEvents: summary.logEvents,
    bodies: summary.bodies,
    virtualMs: summary.virtualMs,
    selfChecks: summary.selfChecks,
    unrepeatable: summary.unrepeatable.length,
  });
}
