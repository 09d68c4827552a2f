/** One schedule for people: what it was, what went wrong, its program, its timeline, and the command that runs it again. */
import { faults } from "../faults/catalogue.ts";
import type { ScheduleCuts, ScheduleOutcome } from "../schedule/run-schedule.ts";
import { timeline } from "./timeline.ts";

export function scheduleText(outcome: ScheduleOutcome, cuts: ScheduleCuts): string {
  const { seed, plan, violations, source, lines, traceHash } = outcome;
  const rates = faults
    .filter((fault) => plan.rates[fault] > 0)
    .map((fault) => `${fault} ${percent(plan.rates[fault])}`);
  const targets = plan.targets.map(({ probe, fault, nth }) => `${fault} at pass ${nth} of ${probe}`);
  return [
    `seed       ${seed}`,
    `setup      ${JSON.stringify(plan.setup)}`,
    `processes  ${plan.processCount}; hints ${plan.hints ? "reach workers" : "never reach workers"}`,
    `runs       ${JSON.stringify(plan.runs)}`,
    `faults     ${rates.join(", ") || "none by chance"}`,
    `certain    ${targets.join(", ") || "none"}`,
    `took       ${outcome.eventCount} steps, ${outcome.virtualMs} virtual ms, ${outcome.replays} replays, trace ${traceHash}`,
    "",
    source.trimEnd(),
    "",
    timeline(lines),
    "",
    violations.length === 0 ? "no violation" : "violations",
    ...violations.map(
      ({ invariant, runId, message, afterMs }) => `  ${invariant} after ${afterMs} ms, ${runId}: ${message}`,
    ),
    "",
    `again: ${command(seed, cuts)}`,
  ].join("\n");
}

function command(seed: number, cuts: ScheduleCuts): string {
  return Object.keys(cuts).length === 0
    ? `pnpm sim --seed ${seed} --whole`
    : `pnpm sim --seed ${seed} --cuts '${JSON.stringify(cuts)}'`;
}

const percent = (rate: number): string => `${(rate * 100).toFixed(2)} %`;
