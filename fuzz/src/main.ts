/**
 * `pnpm fuzz`: reads what no encoder writes, a million times, and ends with the figures.
 *
 * Exits with 0 when every rule held, with 1 when one was broken, and with 2 when the command line is not understood.
 */
import { PerdureError, UsageError } from "@perdure/errors";
import { runCampaign } from "./campaign.ts";
import { makeInput } from "./input.ts";
import { type FuzzOptions, parseOptions, usage } from "./options.ts";
import { describeFinding, describeInput, describeResult, nameOf } from "./report.ts";

const hangMs = 20_000;
const maxFindings = 50;

async function fuzz(options: FuzzOptions): Promise<number> {
  const { seed, executions, workers, replay } = options;
  if (replay === null) console.log(`${executions} executions of seed ${seed} in ${workers} processes`);
  else console.log(`${nameOf(seed, replay)}, ${describeInput(makeInput(seed, replay))}`);
  const onFinding = (finding: Parameters<typeof describeFinding>[0]): void => console.log(describeFinding(finding));
  const interruption = new AbortController();
  process.once("SIGINT", () => interruption.abort());
  const { signal } = interruption;
  const first = replay ?? 0;
  const result = await runCampaign({ seed, executions, workers, hangMs, maxFindings, onFinding, first, signal });
  console.log(describeResult(result));
  return result.findings.length === 0 ? 0 : 1;
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (!options.help) return await fuzz(options);
    console.log(usage);
    return 0;
  } catch (error) {
    if (!PerdureError.is(error)) throw error;
    console.error(error.message);
    return UsageError.is(error) ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
