/**
 * `pnpm sim`: the engine under every fault, from seeds. Exits with 0 when nothing is red, with 1 when something is, and with 2
 * when the command line is not understood.
 */
import { UsageError } from "@perdure/errors";
import { runCampaign } from "./campaign/campaign.ts";
import type { Summary } from "./campaign/summary.ts";
import { mutantJson, mutantText } from "./mutants/mutant-text.ts";
import { type MutantResult, runMutants } from "./mutants/run-mutants.ts";
import { parseCommand, type SimCommand, usage } from "./options.ts";
import { campaignJson, campaignText, isGreen } from "./report/campaign-text.ts";
import { writeFigures } from "./report/docs-block.ts";
import { scheduleText } from "./report/schedule-text.ts";
import { runSchedule, type ScheduleCuts } from "./schedule/run-schedule.ts";
import { shrinkSchedule } from "./shrink/shrink-schedule.ts";

type Command<K extends SimCommand["kind"]> = Extract<SimCommand, { readonly kind: K }>;

/** Progress is told this often, in milliseconds. */
const progressMs = 10_000;

async function main(args: readonly string[]): Promise<number> {
  const command = parseCommand(args);
  switch (command.kind) {
    case "help":
      console.log(usage);
      return 0;
    case "campaign":
      return await campaign(command);
    case "schedule":
      return await schedule(command);
    case "mutants":
      return await mutants(command);
  }
}

async function campaign({ from, count, workers, json, docs }: Command<"campaign">): Promise<number> {
  const beganAt = performance.now();
  let toldAt = beganAt;
  const onProgress = ({ schedules, red }: Summary): void => {
    const now = performance.now();
    if (now - toldAt < progressMs) return;
    toldAt = now;
    process.stderr.write(`${schedules.toLocaleString("en-US")} schedules, ${red.length} red\n`);
  };
  const summary = await runCampaign({ from, count, onProgress, ...(workers === undefined ? {} : { workers }) });
  const text = campaignText(summary, (performance.now() - beganAt) / 1_000);
  console.log(text);
  if (docs) writeFigures("campaign", text);
  if (json) console.log(campaignJson(summary));
  return isGreen(summary) ? 0 : 1;
}

async function schedule({ seed, cuts, shrinks }: Command<"schedule">): Promise<number> {
  const smaller: ScheduleCuts = (shrinks ? (await shrinkSchedule(seed))?.cuts : undefined) ?? cuts;
  const outcome = await runSchedule({ seed, cuts: smaller }, true);
  console.log(scheduleText(outcome, smaller));
  return outcome.violations.length === 0 ? 0 : 1;
}

async function mutants({ names, count, workers, json, docs }: Command<"mutants">): Promise<number> {
  const onResult = ({ name, outcome, schedules }: MutantResult): void => {
    process.stderr.write(`${name}: ${outcome} after ${schedules.toLocaleString("en-US")} schedules\n`);
  };
  const given = workers === undefined ? {} : { workers };
  const report = await runMutants({ names, schedulesMax: count, onResult, ...given });
  const text = mutantText(report);
  console.log(text);
  if (docs) writeFigures("mutants", text);
  if (json) console.log(mutantJson(report));
  return report.killed === report.total ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2).filter((argument) => argument !== "--"));
} catch (error) {
  if (!UsageError.is(error)) throw error;
  console.error(`${error.message}\n\n${error.hint ?? ""}`);
  process.exitCode = 2;
}
